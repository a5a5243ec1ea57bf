"""The study of shape bias: its design, and the training of its models with a few steps."""

import pytest
from attrs import evolve

from core.errors import ObserverError
from experiments.running.requests import plan_sessions, read_runs
from observers.microcosm.training import ar, card, cnn, latent, study
from observers.microcosm.training.training_images import TrainingImages
from tests.unit.observers.microcosm.conftest import draw_images

N_IMAGES, SHARE = 64, 0.001


@pytest.fixture
def without_icons(monkeypatch):
    """Draw the training images from the shapes of the experiments, which need no download."""

    def from_icons(cls, n, seed, icons, *, agreement, size):
        images = draw_images(n, seed).resized(size)
        return TrainingImages(images.pixels, images.labels, f"{images.id}-{agreement}")

    monkeypatch.setattr(TrainingImages, "from_icons", classmethod(from_icons))
    monkeypatch.setattr(card, "load_training_shapes", lambda icons: ([], []))
    monkeypatch.setattr(card, "list_credits", lambda shapes, icons: ["Author, MIT"])
    for name in ("DENOISER", "PREDICTOR", "AUTOENCODER", "TOKENS"):
        monkeypatch.setattr(study, name, evolve(getattr(study, name), batch=4))


def test_every_cell_has_its_seeds_and_the_first_seed_comes_first():
    cells = study.list_cells()
    assert len(cells) == len(set(cells)) == 24 and {cell.seed for cell in cells[:12]} == {1}
    assert {(cell.family, cell.agreement) for cell in cells[12:]} == {
        (family, agreement) for family in study.FAMILIES for agreement in (1.0, 0.75, 0.5)
    }
    assert study.Cell("latent", 0.75, 2).name == "study-latent-0.75-2"


@pytest.mark.slow
def test_the_models_have_about_the_same_number_of_parameters_and_see_the_same_number_of_images():
    def count(*parts):
        return sum(weight.numel() for part in parts for weight in part.parameters())

    tokenizer = ar.build_tokenizer()
    janus = ar.build_network(tokenizer, study.PREDICTOR_WIDTH).model
    n = {
        "network": count(cnn.build_network(study.NETWORK_WIDTHS)),
        "latent": count(latent.build_denoiser(study.DENOISER_WIDTHS), latent.build_text_encoder(600)),
        "ar": count(janus.language_model, janus.generation_embeddings, janus.generation_aligner, janus.generation_head),
    }
    assert all(890_000 < value < 950_000 for value in n.values()), n
    assert study.NETWORK.epochs * study.N_IMAGES == 128_000
    assert {s.steps * s.batch for s in (study.DENOISER, study.PREDICTOR)} == {128_000}


@pytest.mark.slow
def test_the_models_are_trained_and_respond_to_trials(without_icons, tmp_path):
    for family in ("latent", "ar"):
        study.train_first_stage(tmp_path, N_IMAGES, SHARE, None, family)
    cells = [study.Cell(family, 0.5, 2) for family in study.FAMILIES]
    for cell in cells:
        study.train_cell(tmp_path, N_IMAGES, SHARE, None, cell)
        assert not (tmp_path / "models" / f"{cell.name}-training").exists()
    weights = tmp_path / "models" / cells[0].name / "model.safetensors"
    before = weights.stat().st_mtime_ns
    study.train_cell(tmp_path, N_IMAGES, SHARE, None, cells[0])
    assert weights.stat().st_mtime_ns == before, "a finished model was trained again"
    with pytest.raises(ObserverError, match="was trained with another --share"):
        study.train_cell(tmp_path, N_IMAGES, 2 * SHARE, None, cells[0])
    text = (tmp_path / "models" / "study-noise-0.5-2" / "README.md").read_text("utf-8")
    assert "noise True" in text and "seed 2" in text

    sessions = plan_sessions(read_runs(study.write_runs(tmp_path, cells)), tmp_path / "logs")
    assert [session.limit for session in sessions] == [None, 160, 160] * 4
    for session in sessions[:: len(study.EXPERIMENTS)]:
        trial = next(iter(session.experiment.trials(0)))
        (response,) = session.observer.observe(iter([trial]))
        assert response.choice in session.experiment.choices


def test_different_seeds_give_different_initial_weights():
    first, second = (latent.build_denoiser((8, 16), seed=seed) for seed in (1, 2))
    assert not first.conv_in.weight.equal(second.conv_in.weight)
    first, second = (cnn.build_network((8, 16), seed=seed) for seed in (1, 2))
    assert not first.classifier[1].weight.equal(second.classifier[1].weight)
