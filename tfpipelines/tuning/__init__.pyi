from .budgets import continued as continued
from .cluster import Cluster as Cluster
from .cluster import connect as connect
from .entry import carry_out as carry_out
from .plan import Plan as Plan
from .plan import unchanged_state as unchanged_state
from .search_result import SearchResult as SearchResult
