"""What OpenCV computes of ../init.png: the goldens of test/unit/image/hints.

Run: pip install opencv-python-headless==5.0.0.93 numpy; python make.py
"""
import sys
import cv2
import numpy as np

print(cv2.__version__, file=sys.stderr)
rgb = cv2.cvtColor(cv2.imread("../init.png"), cv2.COLOR_BGR2RGB)
rng = np.random.default_rng(0)
noise = cv2.GaussianBlur(rng.integers(0, 256, (48, 61, 3)).astype(np.uint8), (0, 0), 1.2)
cv2.imwrite("noise.png", noise[:, :, ::-1])
cv2.imwrite("noise-canny.png", cv2.Canny(noise, 100, 200))
for name, picture in {"init": rgb, "noise": noise}.items():
    cv2.imwrite(f"{name}-canny-30-90.png", cv2.Canny(picture, 30, 90))
