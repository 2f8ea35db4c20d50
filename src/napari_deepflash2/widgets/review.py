"""Dock *Review training*: what the models say of the images that they never saw."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QTabWidget, QVBoxLayout, QWidget

from ..ensemble.manifest import MANIFEST
from ..viewer.compare_two import is_side_by_side
from ..viewer.review import Region, ReviewView
from ..viewer.review_maps import ReviewMaps, compared_with_experts, open_review, read_maps
from .dock import Dock, make_button, make_group, notes_text, set_ready, text_label
from .folders import folder_edit
from .forms import keep_tame
from .frame_table import FrameTable
from .hesitation import HesitationPart
from .regions import RegionKind, RegionsPart
from .review_plots import Plot
from .review_words import (
    CHECK_HINT,
    NO_EXPERTS,
    NOTHING_CONTRADICTS,
    region_text,
    summary_of,
    titles_of,
)

if TYPE_CHECKING:
    from ..ensemble import Review

CONTRADICTIONS = RegionKind(
    "labels",
    ("image", "mask", "model", "area", "weight", "margin"),
    CHECK_HINT,
    NOTHING_CONTRADICTS,
    region_text,
)


class ReviewTraining(Dock):
    """Choose an ensemble; see how well each image is predicted, and click through what is contradicted.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.review: Review | None = None
        self._view: ReviewView | None = None
        self._region: Region | None = None
        self._make_parts()
        self.folder.changed.connect(self._folder_chosen)
        self.images.chosen.connect(lambda _: self.update_buttons())
        for regions in (self.regions, self.hesitation.regions):
            regions.wanted.connect(self._go_to)
        self.hesitation.beside.connect(self._show_beside)
        self.tabs.currentChanged.connect(lambda _: self._hold_keys())
        self.hear(self.session.ensemble_changed, self._take_ensemble)
        self._take_ensemble()
        if self.kept_result is not None:
            self.show_review(self.kept_result)
        self.update_buttons()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        busy = "Please wait." if self.is_busy else ""
        set_ready(
            self.open_button, busy or ("" if self.folder.value else "Choose the folder of an ensemble first.")
        )
        set_ready(self.show_button, busy or self._why_not_show())
        set_ready(self.experts_button, busy)
        self.hesitation.update_buttons(busy or self._why_not_beside())

    def open(self) -> None:
        """Read the review of the chosen ensemble."""
        self.run(partial(open_review, self.folder.value), self.show_review, "reading the review")

    def show_review(self, review: Review) -> None:
        """Show tables and plots."""
        self.review, self._region = review, None
        self.keep_result(review)
        self._view = ReviewView(self.viewer, review)
        self.summary.setText(summary_of(review))
        self.images.show_frame(review.images.drop(columns="group"), "dice", ascending=True)
        self.regions.show_regions(review.label_check)
        self.reliability.show_reliability(review.reliabilities, titles_of(review))
        self._show_experts(review)
        self.hesitation.show_review(review)
        self.tabs.setVisible(True)
        self._hold_keys()
        self.say(notes_text(review.notes))

    def show_image(self) -> None:
        """Show the chosen image with mask, prediction and uncertainty."""
        if self.review is not None and self.images.row is not None:
            self._region = None
            self._read(self.review.name_of(self.review.images["image"].iloc[self.images.row]))

    def ask_experts(self) -> None:
        """Ask for the folder of the experts, and place the models among them."""
        path = QFileDialog.getExistingDirectory(self, "Folder with one sub-folder of masks per expert")
        if path:
            self.compare_with_experts(Path(path))

    def compare_with_experts(self, experts: Path) -> None:
        """Place the models among the experts of a folder."""
        if self.review is not None:
            job = partial(compared_with_experts, self.review.folder, experts)
            self.run(job, self.show_review, "comparing with the experts")

    def _show_experts(self, review: Review) -> None:
        table = review.against_experts
        for widget in (self.against, self.experts):
            widget.setVisible(table is not None)
        self.no_experts.setVisible(table is None)
        if table is not None:
            self.against.show_against_experts(table)
            self.experts.show_frame(
                table.rename(columns=lambda name: name.removeprefix("expert ")), "dice", ascending=True
            )

    def _go_to(self, region: Region) -> None:
        self._region = region
        if self._view is None:
            return
        if self._view.shown == region.name:
            self._view.go_to(region)
        elif not self.is_busy:
            self._read(region.name)

    def _read(self, name: str) -> None:
        if self.review is not None:
            job = partial(read_maps, self.review, name)
            self.run(job, self._show, f"reading {name}", partial(self._catch_up, name))

    def _show(self, maps: ReviewMaps) -> None:
        if self._view is not None:
            self._view.show(maps)
            if self._region is not None:
                self._view.go_to(self._region)
            self._look_beside()

    def _show_beside(self, beside: bool) -> None:
        if self._view is not None:
            self._view.show_beside(beside)
            if not beside and self._region is not None:
                self._view.go_to(self._region)
        self._look_beside()

    def _look_beside(self) -> None:
        self.hesitation.side_button.setChecked(is_side_by_side(self.viewer))
        self.update_buttons()

    def _catch_up(self, read: str) -> None:
        """Go on to the region that was asked for while another image was read."""
        if self._region is not None and self._region.name != read:
            self._read(self._region.name)

    def _hold_keys(self) -> None:
        page = None if self.review is None else self.tabs.currentWidget()
        holders = [(self.regions, page is self.regions), (self.hesitation.regions, page is self.expert_page)]
        # One has to give the keys back before the other takes them.
        for regions, hold in sorted(holders, key=lambda holder: holder[1]):
            regions.hold_keys(hold)

    def _take_ensemble(self) -> None:
        if self.session.ensemble_folder is not None:
            self.folder.value = self.session.ensemble_folder

    def _folder_chosen(self, folder: Path | None) -> None:
        # One ensemble for all docks, also for this one when it is opened again.
        if folder and folder != self.session.ensemble_folder and (folder / MANIFEST).is_file():
            self.session.use_ensemble(folder)
        self.update_buttons()

    def _why_not_show(self) -> str:
        if self.review is None or self.images.row is None:
            return "Choose an image in the table first."
        known = self.review.images["score"].notna().iloc[self.images.row]
        return "" if known else "No finished model has left this image out."

    def _why_not_beside(self) -> str:
        if self._view is None or self._view.shown is None:
            return "Show an image first: choose a region below, or one in the first tab."
        return "" if self._view.has_pair else "This image has no masks of several experts."

    def _make_parts(self) -> None:
        self.folder = folder_edit("ensemble", "Ensemble", "The folder that training wrote.")
        self.open_button = make_button("Review", self.open, "Show what the models say of their own images.")
        self.summary = text_label("")
        self.images, self.regions = FrameTable(), RegionsPart(self, CONTRADICTIONS)
        self.hesitation = HesitationPart(self)
        self.show_button = make_button(
            "Show layers",
            self.show_image,
            "Show the image with its mask, the prediction and its uncertainty.",
        )
        self.reliability, self.against, self.experts = Plot(), Plot(), FrameTable()
        self.no_experts = text_label(NO_EXPERTS)
        self.experts_button = make_button(
            "Experts…", self.ask_experts, "Choose the folder with one sub-folder of masks for each expert."
        )
        self.expert_page = _page(
            [self.no_experts, self.against, self.experts, self.experts_button, self.hesitation]
        )
        self.tabs = QTabWidget()
        for title, page in (
            ("Images", _page([self.images, self.show_button])),
            ("Label check", self.regions),
            ("Reliability", _page([self.reliability])),
            ("Experts", self.expert_page),
        ):
            self.tabs.addTab(page, title)
        self.tabs.setVisible(False)
        for widget in (
            make_group("Ensemble", [self.folder.native, self.open_button, self.summary]),
            self.job_bar,
            self.message,
            self.tabs,
        ):
            self.page.addWidget(widget)
        keep_tame(self)


def _page(widgets: list[QWidget]) -> QWidget:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setAlignment(Qt.AlignmentFlag.AlignTop)
    for widget in widgets:
        layout.addWidget(widget)
    return page
