SELECT count(*) FROM tenancy.drift WHERE kind = 'totals';
