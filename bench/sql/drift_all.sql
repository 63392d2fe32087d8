SELECT count(*) FROM tenancy.drift;
