"""Mapped classes, customer_booking_stats among them."""
class Customer(Base):
    """With no_show_count."""
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    preferred_stylist_id: Mapped[int | None] = mapped_column(ForeignKey("stylists.id"))  # FOUND preferred
    average_spend_cents: Mapped[int] = mapped_column(default=0)  # FOUND average
    no_show_count = Column(Integer, default=0)  # FOUND no_show

class CustomerBookingStats(Base):  # FOUND statistics
    __tablename__ = "customer_booking_stats"  # FOUND statistics
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    total_bookings: Mapped[int]

class CustomerShopProfile(Base):
    __tablename__ = "customer_shop_profiles"
    preferred_stylist_id: Mapped[int | None] = mapped_column(ForeignKey("stylists.id"))
    no_show_count: Mapped[int]
    total_bookings: Mapped[int]
    __table_args__ = (CheckConstraint("no_show_count >= 0"),)
