"""A queue of letters."""

import os

LIMIT: int = 64
type Letters = list[str]


# How letters are sorted.
class Order(Enum):
    NEWEST = 1
    OLDEST = 2


@dataclass
class Box:
    """A box of letters."""

    size: int = 0

    class Inner:
        def deep(self):
            return 1

    @property
    def length(self):
        """How many there are."""
        return len(self.letters)


if os.name == "nt":

    def open_box():
        return Box(1)

else:

    async def open_box():
        return Box(2)
