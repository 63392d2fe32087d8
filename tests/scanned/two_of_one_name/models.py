class Customer(Base):
    __tablename__ = "customers"
    no_show_count: Mapped[int]  # FOUND no_show
