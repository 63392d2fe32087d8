class Base(DeclarativeBase):
    @declared_attr.directive
    def __tablename__(cls):
        return snake_case(cls.__name__) + "s"


class Customer(Base):
    no_show_count: Mapped[int]  # FOUND no_show

    @validates("no_show_count")  # FOUND no_show
    def check(self, key, value):
        return value

    @hybrid_property
    def is_late(self):
        return self.no_show_count > 3  # FOUND no_show


class CustomerShopProfile(Base):
    no_show_count: Mapped[int]


class Totals(DeclarativeBase):  # FOUND statistics
    @declared_attr
    def __tablename__(cls):
        return "customer_booking_stats"  # FOUND statistics
