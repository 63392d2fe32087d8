class S(Base):  # FOUND statistics
    __tablename__ = "customer_booking_stats"  # FOUND statistics
