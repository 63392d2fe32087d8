class Customer(Base):
    """Had no_show_count once, and customer_booking_stats beside it."""
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    profiles: Mapped[list["CustomerShopProfile"]] = relationship(back_populates="customer")

class CustomerShopProfile(Base):
    __tablename__ = "customer_shop_profiles"
    preferred_stylist_id: Mapped[int | None] = mapped_column(ForeignKey("stylists.id"))
    no_show_count: Mapped[int] = mapped_column("no_show_count", default=0)
    customer: Mapped[Customer] = relationship(back_populates="profiles")
    preferred_stylist = relationship("Stylist", foreign_keys=[preferred_stylist_id])
