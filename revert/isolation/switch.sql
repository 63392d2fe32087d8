-- Revert convo_tenancy:isolation/switch from pg

-- The last change of phase 2, so that its revert is refused as a whole.

\set ON_ERROR_STOP on
\set change isolation/switch
\ir ../support/begin.sql
\if :is_done \quit \endif

DO $$
DECLARE
    state CONSTANT text := (SELECT i.state FROM tenancy.isolation AS i);
BEGIN
    IF state <> 'off' THEN
        RAISE EXCEPTION 'isolation is %, and members of convo_shop rely on it: CALL tenancy.relax_isolation(), then run the same again', state
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END;
$$;

DROP PROCEDURE IF EXISTS tenancy.relax_isolation();
DROP PROCEDURE IF EXISTS tenancy.enforce_isolation(text[]);
DROP PROCEDURE IF EXISTS tenancy.switch_table(text);
DROP PROCEDURE IF EXISTS tenancy.set_isolation(text, text[]);

COMMIT;
