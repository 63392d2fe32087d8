-- The answer to a question (an expression) after a statement, which is then taken back
CREATE OR REPLACE FUNCTION pg_temp.what_if(statement text, question text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE statement;
    EXECUTE format('SELECT (%s)::text', question) INTO answer;
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'UE001';
EXCEPTION
    WHEN SQLSTATE 'UE001' THEN
        RETURN answer;
END;
$$;
