"""Whoever polls the dashboard finds whole notes and whole figures, also while they are written."""

from __future__ import annotations

import json
import threading
import warnings

import optuna
import pytest
from figure_data import search
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna_dashboard import get_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from optuna_dashboard._note import get_note_from_system_attrs
from storage_servers import close, postgres

from optuna_bisect.board.store import Store
from optuna_bisect.board.trial_note import MARK
from optuna_bisect.dashboard import publish

N_POLLS = 400
FIGURE = "bisect-bracket"


def poll_while_publishing(study: optuna.Study, storage) -> int:
    """Poll fast while another thread publishes; return the number of torn readings."""
    store = Store(study)
    figures = [json.dumps({"data": list(range(n)), "layout": {}}) for n in (30, 3000, 900)]
    notes = [f"## {n}\n" + n * "x" * 900 + f"\nend {n}" for n in (1, 9, 4)]
    is_over, torn = threading.Event(), 0
    polled = optuna.load_study(study_name="s", storage=storage)

    def write() -> None:
        i = 0
        while not is_over.is_set():
            i += 1
            store.write_figure(FIGURE, figures[i % 3])
            store.write_note(notes[i % 3])

    store.write_figure(FIGURE, figures[0])
    store.write_note(notes[0])
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(N_POLLS):
            attrs = polled._storage.get_study_system_attrs(polled._study_id)
            found = get_plotly_graph_objects(attrs)[FIGURE]
            note = get_note_from_system_attrs(attrs, None)["body"]
            torn += found not in figures or note not in notes
    finally:
        is_over.set()
        writer.join()
    return torn


def test_nothing_is_torn_in_fast_polls_of_a_journal(folder) -> None:
    def storage() -> JournalStorage:
        return JournalStorage(JournalFileBackend(f"{folder}/s.log"))

    study = optuna.create_study(study_name="s", storage=storage())
    assert poll_while_publishing(study, storage()) == 0


@pytest.mark.soak
def test_nothing_is_torn_in_fast_polls_of_postgresql(folder) -> None:
    with postgres(folder) as url:
        written, read = optuna.storages.RDBStorage(url), optuna.storages.RDBStorage(url)
        study = optuna.create_study(study_name="s", storage=written)
        torn = poll_while_publishing(study, read)
        close(written)
        close(read)
        assert torn == 0


def test_what_an_earlier_version_wrote_in_pieces_is_replaced() -> None:
    from optuna_dashboard import save_note

    study = optuna.create_study()
    save_note(study, "a" * 9000)
    store = Store(study)
    assert store.note() == "a" * 9000
    store.write_note("short")
    assert get_note(study) == "short"
    assert Store(study).note() == "short"


def test_a_very_long_text_is_cut_for_databases_with_short_columns() -> None:
    study = optuna.create_study()
    Store(study).write_note("ab" * 70_000)
    assert get_note(study) == "ab" * 70_000
    Store(study).write_note("b")
    assert get_note(study) == "b"


@pytest.mark.parametrize("text", [60_000 * '"', 60_000 * "é", 30_000 * "😀"])
def test_what_grows_as_json_still_fits_a_text_column_of_mysql(text) -> None:
    study = optuna.create_study()
    Store(study).write_note(text)
    assert get_note(study) == text
    stored = study._storage.get_study_system_attrs(study._study_id)
    assert max(len(json.dumps(value)) for value in stored.values()) < 2**16


def test_what_has_not_changed_is_not_written_again(monkeypatch) -> None:
    study = search()
    publish(study)
    written = []
    monkeypatch.setattr(
        study._storage, "set_study_system_attr", lambda *args: written.append(args)
    )
    publish(study)
    assert written == []


def test_each_trial_has_a_note_and_what_a_user_wrote_stays() -> None:
    study = search()
    Store(study).write_note("mine", study.trials[1]._trial_id)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        publish(study)
    store = Store(study)
    notes = [store.note(trial._trial_id) for trial in study.trials]
    assert notes[1] == "mine"
    for trial, note in zip(study.trials, notes):
        if trial.number != 1:
            assert note.endswith(MARK)
            assert f"learning rate {trial.params['lr']:.3g}" in note
            assert f"● trial {trial.number}" in note
    assert notes[-1].startswith("### Final trial, complete")
