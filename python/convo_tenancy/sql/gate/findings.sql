SELECT
    f.finding,
    f.occurrences,
    f.example,
    f.remedy
FROM tenancy.contract_findings($1::interval) AS f;
