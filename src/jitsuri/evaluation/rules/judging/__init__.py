"""The LLM judge (判定): what it is asked, how its reply is read, how both orders become one result, and how good it is."""
