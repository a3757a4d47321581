"""Fine-tuning corpora, one file each: `examples(*, <settings>) -> list[dict]` with question, prompt and response.

The prompt is the user's turn: the instruction of a file in lift/data/prompts around the question. The response is the
assistant's turn without its end tokens: <reasoning>TRACE</reasoning>, a line break, <answer>ANSWER</answer>. For the
plan, a corpus may say EXAMPLES, about how many it has, and EXAMPLE_TOKENS, rough means of prompt and response.
"""
