-- Bedrock Chat's own table (cdk/custom-resources/setup-pgvector/index.js).
CREATE TABLE IF NOT EXISTS {table} (
    id char(26),
    botid char(26),
    content text,
    source text,
    embedding {vector}.vector({dimension})
)
