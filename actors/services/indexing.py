"""Bringing vectors up to the texts: whatever was done before the process died is found again and gone on with."""

from collections.abc import Callable

from actors.domain.ids import TenantId
from actors.ports.knowledge import BaseState, KnowledgeStore
from actors.services.embedding import Embedding
from actors.services.knowledge import needs

PORTION = 4  # texts embedded at once; a customer's question waits for one portion


class Indexing:
    """Embeds what has no vector, base by base. Doing a piece twice does no harm."""

    def __init__(self, store: KnowledgeStore, embedding: Embedding, owns: Callable[[TenantId], bool], *, explicit: bool) -> None:
        self._store = store
        self._embedding = embedding
        self._owns = owns
        self._explicit = explicit  # somebody chose the embedder: bases made with another one are made anew
        self._looked_at_all = False
        self.foreign = 0  # bases that another embedder made and nobody asked to change

    async def round(self, still: Callable[[], bool]) -> int:
        """Complete the bases that lack vectors; return how many.

        Args:
            still: says whether to go on.

        Raises:
            TransientError, TerminalError: the store did not take it.
        """
        bases = await (self._store.behind() if self._looked_at_all else self._store.all_states())
        owned = [base for base in bases if self._owns(base.tenant_id)]
        if not owned:
            self._looked_at_all = True
            return 0
        embedder = self._embedding.embedder
        if embedder is None:
            return 0  # being loaded; the next round finds them again
        self._looked_at_all = True
        wanting = [base for base in owned if needs(base, embedder, explicit=self._explicit)]
        self.foreign = sum(base.embedder not in ("", embedder.id) for base in owned) if not self._explicit else 0
        return sum([await self._complete(base, embedder.id, still) for base in wanting if still()])

    async def _complete(self, base: BaseState, embedder: str, still: Callable[[], bool]) -> bool:
        while chunks := await self._store.without_vector(base, embedder, PORTION):
            if not still():
                return False
            vectors = await self._embedding.passages([chunk.embedded_text for chunk in chunks])
            await self._store.add_vectors(base, embedder, [chunk.id for chunk in chunks], vectors)
        return await self._store.complete(base, embedder)
