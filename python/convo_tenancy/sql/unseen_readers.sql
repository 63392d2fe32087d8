SELECT tenancy.unseen_readers();
