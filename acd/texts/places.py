"""Which conversations there are, and how many of them are open, held or with an operator."""

from __future__ import annotations

from acd.texts.conversation import Conversation
from acd.texts.ports import NoOpenText
from acd.texts.states import TextState


class Places:
    """All conversations that are not closed, by id (`by_id`), and by who writes (`by_sender`).

    `open`: how many are in the queue or with an operator; `talking`: how many an operator has.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, Conversation] = {}
        self.by_sender: dict[str, Conversation] = {}
        self.open = self.talking = 0
        self._held: dict[str, Conversation] = {}  # in the order of arrival

    @property
    def held(self) -> int:
        """How many wait for a place."""
        return len(self._held)

    def add(self, conversation: Conversation) -> None:
        """Know a conversation, in whatever state it is."""
        self.by_id[conversation.id] = self.by_sender[conversation.sender] = conversation
        self._count(conversation, conversation.record.state, 1)

    def move(self, conversation: Conversation, state: TextState) -> None:
        """Let it go on to another state; raises IllegalMove, and changes nothing, if not legal."""
        before = conversation.record.state
        conversation.move(state)
        self._count(conversation, before, -1)
        self._count(conversation, state, 1)
        if state is TextState.CLOSED:
            del self.by_id[conversation.id]
            if self.by_sender.get(conversation.sender) is conversation:
                del self.by_sender[conversation.sender]

    def _count(self, conversation: Conversation, state: TextState, by: int) -> None:
        self.open += by * state.is_open
        self.talking += by * (state is TextState.TALKING)
        if state is TextState.HELD and by > 0:
            self._held[conversation.id] = conversation
        else:
            self._held.pop(conversation.id, None)

    def next_held(self) -> Conversation | None:
        """The one that has been held for longest."""
        return next(iter(self._held.values()), None)

    def find(self, text_id: str) -> Conversation:
        """The conversation of that id, or the only one whose id begins so; raises NoOpenText."""
        if text_id in self.by_id:
            return self.by_id[text_id]
        found = [one for id, one in self.by_id.items() if id.startswith(text_id)]
        if len(found) != 1 or not text_id:
            raise NoOpenText(
                f"There is no open conversation {text_id[:40]!r}; see `ngalam112 text list`."
            )
        return found[0]
