class Mixin:
    misses: Mapped[int] = mapped_column("no_show_count")  # FOUND no_show
class Person(Mixin, Base):
    __tablename__ = "customers"
    favourite_id = Column("preferred_stylist_id", ForeignKey("stylists.id"))  # FOUND preferred
    favourite = relationship("Stylist", foreign_keys=[favourite_id])
    figures = relationship("Figures", back_populates="person", uselist=False)  # FOUND statistics
class Figures(Base):  # FOUND statistics
    __tablename__ = "customer_booking_stats"  # FOUND statistics
    person = relationship(Person, backref="old_figures", primaryjoin="Person.id == Figures.customer_id")  # FOUND statistics
class Stylist(Base):
    __tablename__ = "stylists"
    fans = relationship("Person", foreign_keys="Person.preferred_stylist_id")  # FOUND preferred
