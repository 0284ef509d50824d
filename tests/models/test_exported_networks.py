"""Networks in files: ONNX and torch.export programs through the command, and what is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from toy_people import HEIGHT, WIDTH, write_toy

from mhbench.cli.main import program
from mhbench.errors import InputError, MhbenchError, MissingInputError, PredictionError, UsageError
from mhbench.predictions import read_predictions


@pytest.fixture
def toy(tmp_path):
    write_toy(tmp_path, {"train": (3, 2)})
    (tmp_path / "net.toml").write_text('skeleton = "loco_14"\nmin_score = 0.3\ntrained_on = ["coco"]\n')
    return tmp_path


def write_onnx(path, outputs=("joints3d", "scores"), people=2):
    """People at the mean of the image in all coordinates, with the scores 0.9, 0.1, ..."""
    zeros = np.zeros((1, people, 14, 3), dtype=np.float32)
    scores = np.array([[0.9, 0.1, *[0.5] * people][:people]], dtype=np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=1),
        helper.make_node("Add", ["zeros", "mean"], [outputs[0]]),
        helper.make_node("Identity", ["given"], [outputs[1]]),
    ]
    graph = helper.make_graph(
        nodes,
        "people",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])],
        [
            helper.make_tensor_value_info(outputs[0], TensorProto.FLOAT, [1, people, 14, 3]),
            helper.make_tensor_value_info(outputs[1], TensorProto.FLOAT, [1, people]),
        ],
        [numpy_helper.from_array(zeros, "zeros"), numpy_helper.from_array(scores, "given")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def run(folder, *words):
    arguments = ["run", str(folder / "net.onnx"), "--data", str(folder / "shards" / "toy")]
    arguments += ["--raw", str(folder / "raw"), "--out", str(folder / "out.json"), "--device", "cpu", *words]
    done = CliRunner(catch_exceptions=False).invoke(program, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_an_onnx_file_runs_frame_by_frame_in_order(toy):
    from PIL import Image

    write_onnx(toy / "net.onnx")
    # the second person's score lies below min_score
    assert "5 frames, 5 people" in run(toy, "--batch", "2")
    table = read_predictions(toy / "out.json")
    assert (table.model, table.skeleton, table.trained_on) == ("net", "loco_14", ("coco",))
    names = [f"walk{n}/{one:04d}.png" for n, count in enumerate((3, 2)) for one in range(count)]
    means = [np.asarray(Image.open(toy / "raw" / name), dtype=np.float32).mean() / 255 for name in names]
    np.testing.assert_allclose(table.persons["joints3d"][:, 5, 1], means, rtol=1e-5)
    assert table.persons["score"] == pytest.approx([0.9] * 5)


def test_an_onnx_file_that_finds_nobody_is_no_fault(toy):
    write_onnx(toy / "net.onnx", people=0)
    assert "5 frames, 0 people" in run(toy)


@pytest.mark.parametrize(
    ("outputs", "words", "error", "what"),
    [
        (("poses", "scores"), [], PredictionError, r"the program gives poses \(1, 2, 14, 3\)"),
        (("joints3d", "scores"), ["--precision", "bf16"], UsageError, "cannot run in bf16"),
        (("joints3d", "scores"), ["--compile"], UsageError, "--compile does nothing"),
        (None, [], InputError, r"net\.onnx cannot be loaded"),
    ],
)
def test_what_no_run_can_be_made_of_is_refused(toy, outputs, words, error, what):
    if outputs is None:
        (toy / "net.onnx").write_bytes(b"no program")
    else:
        write_onnx(toy / "net.onnx", outputs)
    with pytest.raises(error, match=what) as caught:
        run(toy, *words)
    assert caught.value.expected
    assert not (toy / "out.json").exists()


def test_images_of_another_size_than_the_program_takes_name_the_frame(tmp_path):
    write_toy(tmp_path, {"train": (2,)}, scale=0.5)
    (tmp_path / "net.toml").write_text('skeleton = "loco_14"\n')
    write_onnx(tmp_path / "net.onnx")
    with pytest.raises(PredictionError, match=r"walk0/0/0000 on: .*nvalid dimensions"):
        run(tmp_path)


def test_a_gpu_that_onnxruntime_cannot_use_is_refused(toy):
    from mhbench.models.exported import exported_network
    from mhbench.models.protocol import Setup

    write_onnx(toy / "net.onnx")
    with pytest.raises(UsageError, match="onnxruntime cannot run on cuda:1") as caught:
        exported_network(toy / "net.onnx", Setup((), "cuda:1", "fp32", "toy", "loco_14"))
    assert "onnxruntime-gpu" in caught.value.action


def test_what_the_numbers_mean_must_be_said(toy):
    write_onnx(toy / "net.onnx")
    (toy / "net.toml").unlink()
    with pytest.raises(MissingInputError, match=r"net\.toml is not there"):
        run(toy)
    (toy / "net.toml").write_text('skeleton = "loco_15"\n')
    with pytest.raises(MhbenchError, match="loco_15"):
        run(toy)


def test_a_program_of_torch_that_returns_no_names_is_refused(toy):
    class Nameless(torch.nn.Module):
        def forward(self, image):
            return image.mean().reshape(1, 1, 1, 1)

    image = torch.zeros(1, 3, HEIGHT, WIDTH)
    torch.export.save(torch.export.export(Nameless(), (image,)), toy / "net.pt2")
    (toy / "net.onnx").symlink_to(toy / "net.pt2")
    with pytest.raises(InputError, match="cannot be loaded"):
        run(toy)
    arguments = [
        "run",
        str(toy / "net.pt2"),
        "--data",
        str(toy / "shards" / "toy"),
        "--raw",
        str(toy / "raw"),
    ]
    with pytest.raises(PredictionError, match="returns a Tensor"):
        CliRunner(catch_exceptions=False).invoke(
            program, [*arguments, "--device", "cpu", "--out", str(toy / "a.json")]
        )
