"""Language models over the OpenAI protocol."""
