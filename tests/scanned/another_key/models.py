class Stylist(Base):
    __tablename__ = "stylists"
    welcomed = relationship("Customer")


class Customer(Base):
    __tablename__ = "customers"
    welcomed_by_id = Column(ForeignKey("stylists.id"))
    welcomed_by = relationship(Stylist)
