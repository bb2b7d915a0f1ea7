-- The ids of rows that were deleted since the slot was made, as pgoutput tells:
-- 'D', the table, 'K' or 'O', the number of columns, and for the first of them
-- 't', a length of four bytes, the text. $1: the slot. $2: the publication.
-- $3: the table's quoted, qualified name, whose first column must be id.
SELECT DISTINCT convert_from(substr(data, 14, (get_byte(data, 9) << 24) + (get_byte(data, 10) << 16)
                                              + (get_byte(data, 11) << 8) + get_byte(data, 12)), 'UTF8')
FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)
WHERE get_byte(data, 0) = ascii('D') AND get_byte(data, 8) = ascii('t')
      AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($3) AND attnum = 1 AND attname = 'id')
LIMIT 100000
