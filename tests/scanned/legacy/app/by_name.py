from app import models
cls = getattr(models, "CustomerBookingStats")  # FOUND statistics
__all__ = ["Customer", "CustomerBookingStats"]  # FOUND statistics
path = "app.models.CustomerBookingStats"  # FOUND statistics
