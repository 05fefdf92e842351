"""The command line shows studies of every kind, and says in one line what it cannot find."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import optuna
import pytest
from figure_data import search_several
from optuna_dashboard import get_note
from synthetic_trainer import make_objective
from worker_process import STRICT, load_study, start_python

import optuna_bisect as ob
from optuna_bisect.cli import main
from optuna_bisect.figures.summary import summarize
from optuna_bisect.figures.words import describe_configurations

ROOT = Path(__file__).parents[1]


@pytest.fixture
def storage(folder, monkeypatch) -> str:
    """A storage that the commands find by the variable of Optuna."""
    url = f"sqlite:///{folder}/s.db"
    monkeypatch.setenv("OPTUNA_STORAGE", url)
    monkeypatch.chdir(folder)
    return url


@pytest.fixture
def finished(storage) -> optuna.Study:
    study = load_study(storage, "s", seed=0)
    study.optimize(make_objective())
    return study


@pytest.fixture(params=[80, 120])
def columns(request, monkeypatch) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return request.param


def run(capsys, *arguments: str) -> str:
    """Run a command that must succeed; return what it printed."""
    assert main(arguments) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    return printed


def test_show_of_a_finished_study_fits_the_terminal(finished, capsys, columns) -> None:
    printed = run(capsys, "show")
    assert max(map(len, printed.splitlines())) <= columns
    words = " ".join(printed.split())
    assert words.startswith(f"study 's': {len(finished.trials)} trials")
    assert summarize(finished).conclusion in words
    assert "phase" not in words
    for trial in finished.trials:
        assert f"{trial.params['lr']:.3g}" in words


def test_show_of_an_empty_study(storage, capsys, columns) -> None:
    load_study(storage, "s")
    assert run(capsys, "show").endswith("No learning rate yet: no trial has begun.\n")


def test_show_of_a_running_study_says_how_far_it_is(storage, capsys, columns) -> None:
    shown = []

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-6, 1, log=True)
        trial.report(2.3, 0)
        shown.append(run(capsys, "show"))
        return make_objective(also=lambda t: None, first=2)(trial) + 0 * lr

    load_study(storage, "s", seed=0).optimize(objective)
    assert all(max(map(len, text.splitlines())) <= columns for text in shown)
    assert re.search(r"(?m)^phase 1, probe 0, rate 0.001, .*\d+ %", shown[0])
    assert re.search(r"(?m)^phase 2, final trial \d+, rate .*\d+ %, \d+:\d\d left", shown[-1])
    assert "running" in shown[0]


def test_show_of_another_samplers_study(storage, capsys, columns) -> None:
    sampler = optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(storage=storage, sampler=sampler, pruner=ob.VerdictPruner())
    study.optimize(make_objective(), n_trials=5)
    printed = run(capsys, "show")
    assert "another sampler than BisectionSampler chose every rate" in " ".join(printed.split())
    assert "won" not in printed
    assert max(map(len, printed.splitlines())) <= columns
    assert main(["winner", "--json"]) == 1
    assert capsys.readouterr().out == "null\n"


def test_winner_as_json_and_in_words(finished, capsys) -> None:
    winner = ob.find_winner(finished)
    told = json.loads(run(capsys, "winner", "--json"))
    assert (told["number"], told["lr"], told["status"]) == (
        winner.number,
        winner.lr,
        winner.status,
    )
    assert told["bracket"] == {"low": winner.bracket.low, "high": winner.bracket.high}
    assert " ".join(run(capsys, "winner").split()) == summarize(finished).conclusion


def test_plot_writes_a_page_named_after_the_study(storage, capsys, folder) -> None:
    load_study(storage, "a / b")
    path = run(capsys, "plot").strip()
    assert path == str(folder.resolve() / "a-b.html")
    assert "No learning rate yet" in Path(path).read_text()
    assert main(["plot", "--output", "missing/x.html"]) == 2
    assert "cannot write missing/x.html" in capsys.readouterr().err


def test_publish_once_and_until_the_final_trial_is_complete(storage, capsys) -> None:
    study = load_study(storage, "s", seed=0)
    assert run(capsys, "publish") == "published 0 trials of 's'\n"
    thread = threading.Thread(target=study.optimize, args=(make_objective(),))
    thread.start()
    printed = run(capsys, "publish", "--watch", "0.01")
    thread.join()
    assert printed.endswith(f"published {len(study.trials)} trials of 's'\n")
    assert get_note(study).startswith("## Final trial")


def test_journal_files_are_read(journal, capsys) -> None:
    load_study(journal, "s", seed=0).optimize(make_objective(), n_trials=2)
    printed = run(capsys, "show", "--storage", journal.removeprefix("journal:"))
    assert printed.startswith("study 's': 2 trials")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--storage", "sqlite:///none.db"], "no file none.db"),
        (["--storage", "nonsense"], "cannot read the storage: .*parse"),
        (["--storage", "sqlite:///text"], "cannot read the storage: .*not a database"),
        (["--storage", "text"], "cannot read the storage: .*"),
        (["--storage", "sqlite:///empty"], "cannot read the storage: .*no such table"),
        (["--storage", "redis://127.0.0.1:1/0"], "cannot read the storage: .*refused"),
        (["--study-name", "x"], "no study 'x'; studies in this storage: 'a', 'b'"),
        ([], "say --study-name; studies in this storage: 'a', 'b'"),
        (["--study-name", "b"], "study 'b' has more than one objective"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    storage, folder, capsys, arguments, message
) -> None:
    load_study(storage, "a")
    optuna.create_study(study_name="b", storage=storage, directions=["minimize", "maximize"])
    (folder / "text").write_text("no database\n" * 200)
    (folder / "empty").touch()
    before = sorted(path.name for path in folder.iterdir())
    assert main(["show", *arguments]) == 2
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert re.fullmatch(f"optuna-bisect: {message}.*\n", errors), errors
    assert sorted(path.name for path in folder.iterdir()) == before
    assert (folder / "empty").stat().st_size == 0


def test_without_any_storage_it_says_what_to_give(monkeypatch, capsys) -> None:
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    assert main(["show"]) == 2
    assert capsys.readouterr().err == "optuna-bisect: say --storage, or set OPTUNA_STORAGE\n"


@pytest.mark.parametrize("module", ["optuna_dashboard", "plotly.graph_objects"])
def test_a_missing_package_is_named_in_one_line(finished, monkeypatch, capsys, module) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["publish"]) == 2
    assert re.fullmatch(r"optuna-bisect: .*pip install .*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    "arguments", [["publish", "--watch", "0"], ["publish", "--watch", "x"], []]
)
def test_bad_arguments_are_refused(storage, capsys, arguments) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "error" in capsys.readouterr().err


def test_ctrl_c_ends_a_watch_in_one_word(finished, monkeypatch, capsys) -> None:
    def interrupt(study: optuna.Study) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("optuna_bisect.cli.publish", interrupt)
    assert main(["publish", "--watch"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_the_entry_point_is_there_and_show_loads_no_heavy_package(storage) -> None:
    load_study(storage, "s")
    entry = re.search(r'(?m)^optuna-bisect = "(.*):(.*)"$', (ROOT / "pyproject.toml").read_text())
    assert getattr(importlib.import_module(entry[1]), entry[2]) is main
    code = "import sys; from optuna_bisect.cli import main; main(['show']); print(HEAVY)"
    heavy = "[m for m in ('torch', 'plotly', 'optuna_dashboard', 'pandas') if m in sys.modules]"
    process = start_python(["-c", code.replace("HEAVY", heavy)])
    printed, errors = process.communicate(timeout=60)
    assert printed.endswith("[]\n"), errors


def test_it_runs_as_a_module(storage) -> None:
    load_study(storage, "s")
    command = [sys.executable, *STRICT, "-m", "optuna_bisect.cli", "winner"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")


def test_show_of_several_configurations_lists_them_and_fits(storage, capsys, columns) -> None:
    study = search_several(storage=storage, study_name="s")
    summary, printed = summarize(study), run(capsys, "show")
    assert max(map(len, printed.splitlines())) <= columns
    words = " ".join(printed.split())
    assert describe_configurations(summary) in words
    for c in summary.configurations:
        assert f"{c.number} {c.result} {c.value:.4g}" in words
    assert "winner" in words.split("cost", 1)[1]
