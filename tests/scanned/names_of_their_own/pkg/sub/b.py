from .a import T  # FOUND statistics

y = T  # FOUND statistics
