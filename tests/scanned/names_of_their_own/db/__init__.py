from .tables import Figures, Person  # FOUND statistics
