"""Manifests of earlier versions."""

from __future__ import annotations

import json

import numpy as np

from napari_deepflash2.ensemble import load_ensemble


def test_f10_an_ensemble_of_schema_1_predicts_as_it_did(trained):
    before = load_ensemble(trained).predict(np.eye(48) * 90)
    path = trained / "ensemble.json"
    manifest = json.loads(path.read_text())
    for member in manifest["members"]:
        known = member["normalisation"]
        member["normalisation"] = {"kind": known["kind"], "mean": known["centre"], "std": known["spread"]}
    del manifest["groups"], manifest["folds"]
    path.write_text(json.dumps(manifest | {"schema_version": 1}))
    loaded = load_ensemble(trained)
    np.testing.assert_array_equal(loaded.predict(np.eye(48) * 90).probabilities, before.probabilities)
    assert loaded.manifest.schema_version == 2
