"""One picture in the eight orientations of EXIF: the goldens of test/unit/image/exif.test.ts.

Every file is stored turned so that Pillow's exif_transpose makes upright.png of it. 5.jpg has its EXIF data in big-endian order.

Run: pip install pillow==13.0.0 numpy==2.4.6; python make.py
"""
import io
import struct
import numpy as np
from PIL import Image, ImageOps

BACK = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
        6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}
y, x = np.mgrid[0:16, 0:24]
upright = Image.fromarray(np.stack([x * 10, y * 15, (x < 12) * (y < 8) * 200], axis=2).astype(np.uint8))
upright.save("upright.png")
for orientation in range(1, 9):
    stored = upright.transpose(BACK[orientation]) if orientation in BACK else upright
    order = ">" if orientation == 5 else "<"
    entry = struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    tiff = (b"MM" if order == ">" else b"II") + struct.pack(order + "HI", 42, 8) + entry
    file = io.BytesIO()
    stored.save(file, "JPEG", quality=95, subsampling=0, exif=b"Exif\0\0" + tiff)
    open(f"{orientation}.jpg", "wb").write(file.getvalue())
    back = np.asarray(ImageOps.exif_transpose(Image.open(file)), int)
    assert back.shape == (16, 24, 3) and abs(back - np.asarray(upright, int)).mean() < 4
