from app.models import Customer

class Vip(Customer):
    def is_late(self):
        return self.no_show_count > 3  # FOUND no_show
