-- Kinds of use that rollups do not hold are rare; this finds the entries that have any (ledger.records.reading.uses).
CREATE INDEX ledger_entries_rare ON ledger_entries (day)
    WHERE cache_write_1h_tokens <> 0 OR input_audio_tokens <> 0 OR output_audio_tokens <> 0
       OR cache_audio_read_tokens <> 0 OR input_image_tokens <> 0 OR output_image_tokens <> 0 OR web_searches <> 0;
