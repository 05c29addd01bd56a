"""The text of a rule, for operators: checked line by line, and saved only when nothing is wrong in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from nicegui import run, ui

from api.web.frame import markup
from api.web.regarded import Record
from api.web.visits import Visit
from devices.errors import Fault, HubError, ModelInvalid
from hub.runtime import Hub
from hub.store.tables import RuleVersionRow


class EditorPanel:
    """An editor, with every fault beside its line."""

    def __init__(self, hub: Hub, visit: Visit, record: Record, *, on_saved: Callable[[], Awaitable[None]]) -> None:
        self._hub, self._visit, self._say, self._record = hub, visit, visit.say, record
        self._on_saved = on_saved

    def build(self) -> None:
        """Lay the panel out."""
        with ui.element("section").classes("hub-card").props("id=editor"):
            markup(f'<h2 class="hub">{escape(self._say("edit.title"))}</h2>')
            self._editor = ui.codemirror(self._record.shown.text, language="YAML", line_wrapping=True, indent="  ")
            self._editor.classes("rule-text")
            with ui.element("div").classes("switches"):
                self._check = ui.button(self._say("edit.check"), on_click=self._look).props("no-caps flat id=check")
                self._save = ui.button(self._say("edit.save"), on_click=self._keep).props("no-caps unelevated id=save")
            self._said = markup("").props("id=edit-said role=status")

    async def _look(self) -> None:
        await self._try(self._checked, self._editor.value or "")

    async def _keep(self) -> None:
        if await self._try(self._saved, self._editor.value or ""):
            await self._on_saved()

    async def _try(self, do: Callable[[str], str], text: str) -> bool:
        """Do something with the text, away from the loop; tell what came of it."""
        self._busy(True)
        try:
            said = await run.io_bound(do, text)
        except ModelInvalid as error:
            self._show(error.faults, text)
            return False
        except HubError as error:
            self._show([Fault(file="", line=1, path="", reason=str(error))], text)
            return False
        finally:
            self._busy(False)
        self._editor.decorations = []
        self._said.set_content(f'<p class="edit-fine">{escape(said or "")}</p>')
        return True

    def _checked(self, text: str) -> str:
        written = self._hub.rulebook.check(text)
        return self._say("edit.fine", tests=len(written.rule.tests))

    def _saved(self, text: str) -> str:
        book, by = self._hub.rulebook, self._visit.caller.username
        rule_id = self._record.row.id
        active = book.store.rule(rule_id).active
        version: RuleVersionRow = book.save(rule_id, text, by=by)
        if version.version == active:
            return self._say("edit.same", number=version.number)
        book.activate(rule_id, version.version, by=by)
        return self._say("edit.saved", number=version.number)

    def _show(self, faults: list[Fault], text: str) -> None:
        """Every fault beside its line, and in a list below."""
        self._editor.decorations = _decorations(faults, text)
        count = len(faults)
        head = self._say("edit.wrong_one") if count == 1 else self._say("edit.wrong", count=count)
        rows = "".join(
            f"""<li class="fault" data-line="{fault.line}"><b>{escape(self._say("edit.line", line=fault.line))}</b>
            <code>{escape(fault.path)}</code> {escape(fault.reason)}</li>"""
            for fault in faults
        )
        self._said.set_content(f'<p class="edit-wrong">{escape(head)}</p><ul class="faults">{rows}</ul>')
        self._editor.reveal_line(min(fault.line for fault in faults))

    def _busy(self, busy: bool) -> None:
        for button in (self._check, self._save):
            button.set_enabled(not busy)


def _decorations(faults: list[Fault], text: str) -> list[dict[str, Any]]:
    """The line of every fault coloured, with what is wrong at its end."""
    lines = text.split("\n")
    reasons: dict[int, list[str]] = {}
    for fault in faults:
        line = min(max(fault.line, 1), len(lines))
        reasons.setdefault(line, []).append(f"{fault.path}: {fault.reason}" if fault.path else fault.reason)
    marked: list[dict[str, Any]] = [{"kind": "line", "line": line, "class": "fault-line"} for line in reasons]
    for line, told in reasons.items():
        end = sum(len(each) + 1 for each in lines[:line]) - 1
        marked.append(
            {"kind": "widget", "position": end, "text": "← " + "; ".join(told), "class": "fault-said", "side": 1}
        )
    return marked
