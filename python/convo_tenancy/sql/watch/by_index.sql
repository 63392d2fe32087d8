-- For this transaction: by an index wherever there is one, so that a look reads little, and adds nothing to the scans that it
-- counts.
SELECT set_config('enable_seqscan', 'off', TRUE);
