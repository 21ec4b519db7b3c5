from dataclasses import dataclass
from storage.model import Bound
@dataclass(frozen=True, slots=True)
class Count:
    value: float
    bound: Bound = Bound.EXACT
