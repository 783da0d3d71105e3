"""What OpenCV and numpy compute as hints of photo.png: the goldens of test/unit/image/hints/hints.test.ts.

The recipes of scribble and lineart are those of the preprocessors scribble_xdog and lineart_standard, shuffle and color those of
controlnet_aux's ContentShuffleDetector and T2I-Adapter's colour grid, written anew.

Run: pip install opencv-python-headless==5.0.0.93 numpy==2.4.6 scikit-image==0.26.0; python make_hints.py
"""
import cv2
import numpy as np
from skimage import data

photo = cv2.resize(data.astronaut(), (140, 132), interpolation=cv2.INTER_AREA)
H, W = photo.shape[:2]
save = lambda name, a: cv2.imwrite(f"photo-{name}.png", a[:, :, ::-1] if a.ndim == 3 else a)
cv2.imwrite("photo.png", photo[:, :, ::-1])

x = photo.astype(np.float32)
fine, coarse = cv2.GaussianBlur(x, (0, 0), 0.5), cv2.GaussianBlur(x, (0, 0), 5.0)
dog = (255 - np.min(coarse - fine, axis=2)).clip(0, 255).astype(np.uint8).astype(int)
save("scribble", np.where(2 * (255 - dog) > 32, 255, 0).astype(np.uint8))

strength = np.min(cv2.GaussianBlur(x, (0, 0), 6.0) - x, axis=2).clip(0, 255)
strength = strength / max(16, np.median(strength[strength > 8])) * 127
save("lineart", strength.clip(0, 255).astype(np.uint8))

grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
save("gray", grey)
save("threshold", np.where(grey > 127, 255, 0).astype(np.uint8))
save("binary", cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1])
save("blur", np.rint(cv2.GaussianBlur(x, (0, 0), 9)).astype(np.uint8))
save("invert", 255 - photo)
small = cv2.resize(photo, (W // 64, H // 64), interpolation=cv2.INTER_CUBIC)
save("color", cv2.resize(small, (W, H), interpolation=cv2.INTER_NEAREST))

# As controlnet_aux's MidasDetector makes normals of depth, here of the brightness as if it were nearness from 0 to 100.
near = (grey.astype(np.float32) - grey.min()) / (grey.max() - grey.min())
save("depth", np.rint(near * 255).astype(np.uint8))
right, down = (cv2.Sobel(near * 100, cv2.CV_32F, dx, 1 - dx, ksize=3) for dx in (1, 0))
right[near < 0.1] = down[near < 0.1] = 0
normal = np.stack([right, down, np.full_like(near, 2 * np.pi)], axis=2)
normal /= np.linalg.norm(normal, axis=2, keepdims=True)
save("normal", np.rint(normal * 127.5 + 127.5).astype(np.uint8))

np.random.seed(7)
def disk(f=256):
    noise = np.random.uniform(low=0, high=1, size=((H // f) + 2, (W // f) + 2, 1))
    noise = cv2.resize(noise, (W + 2 * f, H + 2 * f), interpolation=cv2.INTER_CUBIC)[f:f + H, f:f + W]
    noise = noise - noise.min()
    return noise / noise.max()
flow = np.stack([disk() * (W - 1), disk() * (H - 1)], axis=2).astype(np.float32)
save("shuffle", cv2.remap(photo, flow, None, cv2.INTER_LINEAR))
