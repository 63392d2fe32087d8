class Stylist(Base):
    __tablename__ = "stylists"
    id: Mapped[int] = mapped_column(primary_key=True)
    fans: Mapped[list["Customer"]] = relationship(back_populates="favourite")  # FOUND preferred
    shop: Mapped["Shop"] = relationship()


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    favourite: Mapped[Stylist | None] = relationship(back_populates="fans")  # FOUND preferred
    bookings = relationship("Booking")


class Shop(Base):
    __tablename__ = "shops"
