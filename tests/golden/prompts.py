"""Prompts and conversations of the golden files."""

# (name, text): continued as they stand
RAW_PROMPTS = [
    ("capital", "The capital of France is"),
    ("fibonacci", "def fibonacci(n):\n    \"\"\"Returns the n-th Fibonacci number.\"\"\"\n"),
    ("story", "Once upon a time, in a small village by the sea, there lived an old clockmaker who"),
    ("edit", "for (int i = 0; i < n; ++i) {\n  sum += values[i];\n}\nfor (int j = 0; j < m; ++j) {\n"),
    ("list", "Days of the week: Monday, Tuesday,"),
    ("science", "Water boils at a lower temperature on a mountain because"),
    ("dialogue", "\"Where have you been?\" she asked.\n\n\"I was at the harbour,\" he said,"),
    ("accents", "Les élèves de l'école ont mangé des crêpes à la crème. Après le déjeuner, ils"),
]


def chatml(system, user):
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


# (name, text): ChatML; special tokens are parsed
CHAT_PROMPTS = [
    ("chat_question", chatml("You are a helpful assistant.", "Why is the sky blue?")),
    ("chat_code", chatml("You write short, correct code.",
                         "Write a C++ function that reverses a std::string in place.")),
    ("chat_rewrite", chatml("You are a helpful assistant.",
                            "Repeat this sentence three times: The tide comes in twice a day, and twice it goes out.")),
    ("chat_list", chatml("You are a helpful assistant.", "Name five things to pack for a day at the beach.")),
]


def turn(role, content):
    return {"role": role, "content": content}


# (name, messages): what chat formatting is tested with
CONVERSATIONS = [
    ("one_user_turn", [turn("user", "Why is the sky blue?")]),
    ("three_turns", [
        turn("user", "What is 2 + 2?"),
        turn("assistant", "2 + 2 is 4."),
        turn("user", "And doubled?"),
    ]),
    ("with_system", [turn("system", "You are brief."), turn("user", "Hello!")]),
    ("with_system_three_turns", [
        turn("system", "You are brief."),
        turn("user", "Hello!"),
        turn("assistant", "Hi."),
        turn("user", "Bye!"),
    ]),
    ("edges_of_content", [turn("user", "\n  two  spaces\n\n"), turn("assistant", " ok \n"),
                          turn("user", "é 世界\n")]),
    ("empty_system", [turn("system", ""), turn("user", "Hello!")]),
    ("empty_content", [turn("user", "")]),
]
