"""Forms made from the configuration: label, help, range, default and choices come from its fields."""

from __future__ import annotations

import textwrap
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSpinBox,
    LineEdit,
    SpinBox,
    TupleEdit,
    Widget,
)
from pydantic.fields import FieldInfo
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QWidget

from ..config import Section

MOST = 1_000_000
DECIMALS = 9
LONGEST_LABEL, NARROWEST = 15, 70
# What it means to give no number, where that is not "automatic".
UNSET = {"early_stopping": "off", "target_pixel_size": "as it is", "pixel_size": "not known"}


class SectionForm(Container):
    """A form for some fields of one section of the configuration.

    Parameters
    ----------
    section : type of Section
        Where the fields are declared.
    names : sequence of str, optional
        Fields to show, in order; all by default. A field that is itself a section is left out: give it a
        form of its own.
    values : Section, optional
        What to show at first; the defaults when not given.
    choices : mapping, optional
        Field name to the values it may take, where these are known only at run time.
    """

    def __init__(
        self,
        section: type[Section],
        names: Sequence[str] | None = None,
        values: Section | None = None,
        choices: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        fields = section.model_fields
        shown = [name for name in (names or fields) if not _is_section(fields[name])]
        made = [_widget_for(name, fields[name], (choices or {}).get(name)) for name in shown]
        super().__init__(widgets=made, labels=True)
        self.margins = (0, 0, 0, 0)
        self._optional = {name for name in shown if _or_none(fields[name].annotation)}
        self.show_values(values or section())
        keep_tame(self.native)

    def values(self) -> dict[str, Any]:
        """Field name to value, as the configuration takes them."""
        return {
            widget.name: None if widget.name in self._optional and not widget.value else widget.value
            for widget in self
        }

    def show_values(self, values: Section) -> None:
        """Put the values of a section into the form; nobody is told of a change."""
        with self.changed.blocked():
            for widget in self:
                value = getattr(values, widget.name)
                widget.value = 0 if value is None else value


def keep_tame(parent: QWidget) -> None:
    """Let the wheel scroll the form instead of changing values, and nothing in it widen the dock."""
    ignore_wheel(parent)
    for kind in (QAbstractSpinBox, QComboBox):
        for child in parent.findChildren(kind):
            child.setMinimumWidth(NARROWEST)


def ignore_wheel(parent: QWidget) -> None:
    """Let the mouse wheel scroll the form instead of changing numbers and choices on its way."""
    for kind in (QAbstractSpinBox, QComboBox):
        for child in parent.findChildren(kind):
            child.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            child.installEventFilter(_WheelFilter(child))


def words(name: str) -> str:
    """Make a label of a field name or choice: ``tile_size`` to ``Tile size``, long ones in lines."""
    return textwrap.fill(name.replace("_", " ").capitalize(), LONGEST_LABEL)


class _WheelFilter(QObject):
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def _widget_for(name: str, field: FieldInfo, choices: Iterable[str] | None) -> Widget:
    annotation = _without_none(field.annotation)
    common = {"name": name, "label": words(name), "tooltip": field.description or ""}
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
    if choices is not None:
        return ComboBox(choices=[(choice.replace("_", " "), choice) for choice in choices], **common)
    if annotation is bool:
        return CheckBox(text="", **common)
    if annotation is int:
        return _whole_number(field, common)
    if annotation is float:
        return _number(field, common)
    if get_origin(annotation) is tuple:
        return TupleEdit(value=field.get_default(), options={"step": 0.1}, **common)
    return LineEdit(**common)


def _whole_number(field: FieldInfo, common: dict[str, str]) -> SpinBox | FloatSpinBox:
    bounds = _bounds(field)
    step = int(bounds.get("multiple_of", 1))
    most = int(bounds.get("le", bounds.get("lt", MOST + 1) - 1))
    if not _or_none(field.annotation):
        return SpinBox(min=int(bounds.get("ge", 0)), max=most, step=step, **common)
    # The box for whole numbers cannot show a word in place of 0.
    box = FloatSpinBox(min=0, max=most, step=step, **common)
    box.native.setDecimals(0)
    _mark_unset(box, common["name"])
    return box


def _number(field: FieldInfo, common: dict[str, str]) -> FloatSpinBox:
    bounds, smallest = _bounds(field), 10.0**-DECIMALS
    optional = _or_none(field.annotation)
    least = 0 if optional else bounds.get("ge", bounds["gt"] + smallest if "gt" in bounds else -MOST)
    most = bounds.get("le", bounds["lt"] - smallest if "lt" in bounds else MOST)
    box = FloatSpinBox(min=least, max=most, value=most if most < MOST else least, step=None, **common)
    box.native.setDecimals(DECIMALS)
    if optional:
        _mark_unset(box, common["name"])
    return box


def _mark_unset(box: FloatSpinBox, name: str) -> None:
    box.native.setSpecialValueText(UNSET.get(name, "automatic"))


def _bounds(field: FieldInfo) -> dict[str, float]:
    names = ("ge", "gt", "le", "lt", "multiple_of")
    return {name: getattr(item, name) for item in field.metadata for name in names if hasattr(item, name)}


def _or_none(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def _without_none(annotation: Any) -> Any:
    if not _or_none(annotation):
        return annotation
    return next(part for part in get_args(annotation) if part is not type(None))


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Section)
