from .. import models
from ..models import S as T  # FOUND statistics

x = models.S, T  # FOUND statistics
