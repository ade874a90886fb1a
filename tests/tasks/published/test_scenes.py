"""VQA v2 and NLVR2 as tasks: unions of images and text, soft answers, splits."""

import json
from pathlib import Path

import pytest
import torch

from itnas.datasets import vqa
from itnas.datasets.pictures import decode, whole
from itnas.operator.domain import Union
from itnas.tasks import Batch, find
from itnas.tasks.metrics import vqa_accuracy
from itnas.tasks.published.patches import cut_out, patches
from tests.tasks.published.miniatures import ANSWERS, SMALL, write_vqa

VQA, NLVR2 = SMALL["vqa-v2"], SMALL["nlvr2"]


def test_an_image_and_its_question(data: Path) -> None:
    task = find(VQA)
    batch = task.batch("test", size=3)
    assert batch.inputs.shape == (3, 32, 192)
    assert isinstance(batch.domain, Union)
    assert (batch.domain.names, batch.domain.sizes) == (("image", "question"), (16, 16))
    assert [(each.name, each.vocabulary, each.channels) for each in task.modalities] == [
        ("image", None, 192),
        ("question", 257, 0),
    ]
    texts = [bytes(row[row < 256].int().tolist()) for row in batch.inputs[:, 16:, 0]]
    assert all(b"What is it (".startswith(text[:12]) for text in texts)
    assert float(batch.inputs[:, 16:, 1:].abs().max()) == 0
    assert batch.domain.geometry(3, 32, torch.device("cpu")).axes == task.position_dim


def test_all_of_the_image_is_seen(data: Path) -> None:
    task = find(VQA)
    row = int(task.rows("test")[4])
    asked = task.load("test", row)
    picture = decode(data / "vqa-v2/val2014" / asked.record.image.name, 256)
    made = task.assemble([asked], "test", None, 32)
    assert torch.equal(made.inputs[:, :16], patches(cut_out([picture], [whole(picture)], 32), 8))


def test_targets_grant_what_people_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The score of an answer is that of the official evaluation."""
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    folder = write_vqa(tmp_path)
    path = folder / vqa.annotation_file("val2014")
    document = json.loads(path.read_text())
    said = ["yes"] * 2 + ["Yes!"] + ["no"] * 6 + ["an unheard-of answer"]
    for person, answer in zip(document["annotations"][0]["answers"], said, strict=True):
        person["answer"] = answer
    path.write_text(json.dumps(document))
    task = find(VQA)
    batch = task.assemble([task.load("test", 0)], "test", None, 32)
    assert batch.targets.dtype == torch.float32
    assert batch.targets.shape == (1, 12)
    granted = sorted(batch.targets[0].tolist(), reverse=True)
    assert granted[:2] == pytest.approx([vqa_accuracy("no", said), vqa_accuracy("yes", said)])
    assert sum(granted[2:]) == 0
    outputs = torch.zeros(1, 12)
    outputs[0, batch.targets[0].argsort()[-2]] = 3.0
    assert task.score(outputs, batch) == (pytest.approx(0.9), 1.0)


def test_the_score_of_a_split_is_the_mean_over_its_questions(data: Path) -> None:
    task = find(VQA)
    tally, right = task.tally(), 0.0
    yes = vqa.answer_vocabulary(vqa.read(task.folder, "train2014"), 12, least=1)["yes"]
    for batch in task.portions("test", 1):
        outputs = torch.zeros(len(batch), 12)
        outputs[:, yes] = 1
        right += float(batch.targets[:, yes].sum())
        tally.add(outputs, batch)
    assert tally.score() == pytest.approx(right / 27) == pytest.approx(1 / len(ANSWERS), abs=0.05)


def test_questions_about_an_image_stay_on_one_side(data: Path) -> None:
    task = find(VQA)
    images = {
        split: {task.load(split, int(row)).record.image for row in task.rows(split)}
        for split in ("train", "validation")
    }
    assert not images["train"] & images["validation"]
    assert len(task.rows("train")) + len(task.rows("validation")) == 72
    assert len(task.rows("validation")) == 3 * len(images["validation"])


def test_classes_are_the_most_frequent_answers(data: Path) -> None:
    few = find(f"{VQA.replace('answers=12', 'answers=3')}")
    assert few.outputs == 3
    # 2, dog and left; but where all have said "a dog", the evaluation takes no "dog" for it.
    assert few.batch("test", size=27).targets.sum() == pytest.approx(9, abs=2)
    assert few.batch("train", size=72).targets.sum() == pytest.approx(36, abs=5)
    assert find("vqa-v2").outputs == 3129
    assert (find("vqa-v2").loss, find("vqa-v2").metric) == ("binary", "vqa")


def test_two_images_and_their_statement(data: Path) -> None:
    task = find(NLVR2)
    row = int(task.rows("train")[5])
    stated = task.load("train", row)
    batch = task.assemble([stated], "train", None, 48)
    folder = data / f"nlvr2/images/train/{row % 3}"
    for side in (0, 1):
        picture = decode(folder / f"train-{row}-0-img{side}.png", 256)
        assert torch.equal(
            batch.inputs[:, 16 * side : 16 * (side + 1)], patches(cut_out([picture], [whole(picture)], 32), 8)
        )
    assert bytes(batch.inputs[0, 32:, 0].int().tolist()[:9]) == b"There are"
    assert batch.targets.tolist() == [int(row % 2 == 0)]
    assert batch.domain.names == ("left", "right", "statement")
    assert [each.encoded_by for each in task.modalities] == ["image", "image", "statement"]
    assert batch.domain.geometry(1, 48, torch.device("cpu")).axes == task.position_dim


def test_splits_of_nlvr2_are_the_published_ones(data: Path) -> None:
    assert [find(NLVR2).split_size(split) for split in ("train", "validation", "test")] == [24, 8, 10]


@pytest.mark.parametrize("name", ["vqa-v2", "nlvr2"])
def test_the_length_follows_from_the_settings(name: str) -> None:
    task = find(f"{name}/size=32,patch=8,bytes=10")
    images = {"vqa-v2": 1, "nlvr2": 2}[name]
    assert task.length == 16 * images + 10
    assert task.lengths == (task.length,)
    assert find(task.label) == task
    assert find(f"{name}/size=32,patch=8,bytes=10,length={task.length}") == task
    with pytest.raises(ValueError, match=f"length follows from size, patch and bytes.*: here it is {task.length}"):
        find(f"{name}/size=32,patch=8,bytes=10,length=99")
    with pytest.raises(ValueError, match="set size, patch or bytes"):
        task.batch(length=task.length + 1)
    with pytest.raises(ValueError, match="bytes are at least 1"):
        find(f"{name}/bytes=0")


def test_long_questions_are_cut_and_empty_ones_are_a_point(data: Path) -> None:
    task = find("vqa-v2/size=16,patch=8,bytes=4,answers=3")
    asked = task.load("test", 0)
    empty = asked._replace(record=vqa.Record(1, asked.record.image, "", ("no",) * 10, None, "no"))
    batch: Batch = task.assemble([asked, empty], "test", None, 8)
    assert batch.inputs[0, 4:, 0].tolist() == list(b"What")
    assert batch.domain.per_sample()["1.valid"].tolist() == [[True] * 4, [True] + [False] * 3]


def test_half_a_sign_in_a_question_becomes_a_question_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON can hold what UTF-8 cannot."""
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    path = write_vqa(tmp_path) / vqa.question_file("val2014")
    document = json.loads(path.read_text())
    document["questions"][0]["question"] = "odd \ud800"
    path.write_text(json.dumps(document))
    task = find(VQA)
    batch = task.assemble([task.load("test", 0)], "test", None, 32)
    assert bytes(batch.inputs[0, 16:21, 0].int().tolist()) == b"odd ?"
