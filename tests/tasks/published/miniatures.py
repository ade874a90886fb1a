"""The five data sets in miniature, in exactly the published formats."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from itnas.datasets import modelnet, vqa
from itnas.datasets.glue import GLUE, Example
from tests.datasets.glue_files import write_split
from tests.datasets.test_imagenet import SYNSETS

# Tasks on the miniatures at sizes that tests have time for.
SMALL = {
    "imagenet-1k": "imagenet-1k/size=32,patch=8",
    **{f"glue/{name}": f"glue/{name}/length=32" for name in GLUE},
    "modelnet40": "modelnet40/length=64",
    "vqa-v2": "vqa-v2/size=32,patch=8,bytes=16,answers=12",
    "nlvr2": "nlvr2/size=32,patch=8,bytes=16",
}


def picture(number: int, width: int = 40, height: int = 30) -> Image.Image:
    """Coarse colours that survive JPEG, other ones for each number."""
    coarse = np.random.default_rng(number).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR)


def encoded(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def odd_pictures() -> dict[str, bytes]:
    """As they occur in ImageNet and NLVR2: none is a plain RGB JPEG."""
    turned = Image.Exif()
    turned[0x0112] = 6  # lies on its left side
    return {
        "png named jpeg": encoded(picture(1), "PNG"),
        "cmyk": encoded(picture(2).convert("CMYK")),
        "grey": encoded(picture(3).convert("L")),
        "palette": encoded(picture(4).convert("P"), "PNG", transparency=b"\x00\x80"),
        "transparent": encoded(picture(5).convert("RGBA"), "PNG"),
        "turned": encoded(picture(6), exif=turned),
        "sixteen bits": encoded(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50), "PNG"),
    }


def write_imagenet(root: Path) -> Path:
    """An image per class to train on, the first few of them odd ones; forty to validate on, side by side."""
    folder, odd = root / "imagenet-1k", list(odd_pictures().values())
    for number, synset in enumerate(SYNSETS):
        content = odd[number] if number < len(odd) else encoded(picture(number))
        write(folder / "train" / synset / f"{synset}_{number}.JPEG", content)
    names = [f"ILSVRC2012_val_{number:08}" for number in range(1, 41)]
    for number, name in enumerate(names):
        write(folder / "val" / f"{name}.JPEG", encoded(picture(2000 + number)))
    rows = "".join(f"{name},{SYNSETS[7 * number]} 1 1 9 9\n" for number, name in enumerate(names))
    write(folder / "LOC_val_solution.csv", "ImageId,PredictionString\n" + rows)
    return folder


def examples(name: str, split: str, count: int) -> list[Example]:
    """Sentences that differ; their labels go round."""
    glue, found = GLUE[name], []
    for number in range(count):
        label = number % len(glue.classes) if glue.classes else 5 * number / max(count - 1, 1)
        second = f'{number} is a "number' if glue.second else None
        found.append(Example(f"{split[:1]}{split[10:12]}{number}: Ünlike others.", second, label))
    return found


def write_glue(root: Path) -> Path:
    folder = root / "glue"
    for name, glue in GLUE.items():
        for split in (each for each in glue.files if not each.startswith("test")):
            write_split(folder, name, split, examples(name, split, 120 if split == "train" else 18))
    return folder


def mesh(number: int, header: str = "OFF\n") -> str:
    """A tetrahedron, of another shape for each number."""
    corners = np.random.default_rng(number).normal(size=(4, 3))
    points = "".join(f"{x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in corners)
    return f"{header}4 4 6\n{points}3 0 1 2\n3 0 3 1\n3 0 2 3\n3 1 3 2\n"


def write_modelnet(root: Path) -> Path:
    """As the archive unpacks; every third header lacks its line end."""
    number = 0
    for name in modelnet.CLASSES:
        for split, count in (("train", 3), ("test", 1)):
            for _ in range(count):
                number += 1
                path = root / "ModelNet40" / name / split / f"{name}_{number:04}.off"
                write(path, mesh(number, "OFF" if number % 3 == 0 else "OFF\n"))
    return root / "ModelNet40"


ANSWERS = ("yes", "no", "2", "red", "left", "a dog")


def write_vqa(root: Path) -> Path:
    folder = root / "vqa-v2"
    for split, images, first in (("train2014", 24, 1), ("val2014", 9, 500)):
        asked, answered = [], []
        for number in range(3 * images):
            image = first + number // 3
            place = {"image_id": image, "question_id": 10 * image + number % 3}
            said = ANSWERS[number % len(ANSWERS)]
            people = [{"answer": said, "answer_confidence": "yes", "answer_id": one} for one in range(1, 11)]
            asked.append({**place, "question": f"What is it ({number})?"})
            answered.append({**place, "answers": people, "answer_type": "other", "multiple_choice_answer": said})
        write(folder / vqa.question_file(split), json.dumps({"questions": asked}))
        write(folder / vqa.annotation_file(split), json.dumps({"annotations": answered}))
        for number in range(first, first + images):
            write(folder / vqa.image_folder(split) / vqa.image_name(split, number), encoded(picture(3000 + number)))
    return folder


def write_nlvr2(root: Path) -> Path:
    folder = root / "nlvr2"
    for split, count in (("train", 24), ("dev", 8), ("test1", 10)):
        lines = []
        for number in range(count):
            about = f"{split}-{number}-0"
            line = {"identifier": f"{about}-0", "sentence": f"There are {number}.", "label": str(number % 2 == 0)}
            lines.append(json.dumps(line | ({"directory": number % 3} if split == "train" else {})))
            for side in (0, 1):
                place = folder / "images" / split / (str(number % 3) if split == "train" else "")
                image = picture(hash_of(split) + 2 * number + side, 30 + number, 40)
                write(place / f"{about}-img{side}.png", encoded(image, "JPEG" if number == 1 else "PNG"))
        write(folder / f"{split}.json", "".join(line + "\n" for line in lines))
    return folder


def hash_of(text: str) -> int:
    return 10_000 * sum(map(ord, text))


def write_all(root: Path) -> Path:
    for one in (write_imagenet, write_glue, write_modelnet, write_vqa, write_nlvr2):
        one(root)
    return root
