"""The hard texts for the tokenizers. `make_goldens.py` writes them to texts.json, which is what tests read."""

# Each line: a name (a test says which text failed) and the text. Escapes are spelled out wherever an editor could
# change a character silently.
TEXTS = [
    # English
    ("english", "The quick brown fox jumps over the lazy dog."),
    ("english_paragraph", "It was a bright cold day in the valley, and the clocks were striking. \"Well,\" she said, "
                          "\"if it's not too late - and I think it isn't - we'll go on foot.\" Nobody answered; "
                          "they'd all gone to bed."),
    ("empty", ""),
    ("one_space", " "),
    ("one_letter", "a"),
    ("capitals", "HELLO WORLD HeLLo wOrLD iPhone McDonald NASA's"),
    ("leading_space", " leading space"),
    ("trailing_space", "trailing space "),
    ("long_word", "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis"),
    # Contractions: smollm knows lower case only, qwen2 both
    ("contractions_lower", "I'll don't can't we've they're he's I'm she'd o'clock 'tis rock'n'roll"),
    ("contractions_upper", "I'LL DON'T CAN'T WE'VE THEY'RE HE'S I'M SHE'D"),
    ("contractions_mixed", "I'Ll dON't We'vE They'Re 's 't'm '' 'll'"),
    ("contractions_curly", "I\u2019ll don\u2019t \u2018quoted\u2019 \u201cdouble\u201d"),
    ("contractions_odd", "'\u017f it'\u017fomething '\u017ft x's1 1's 's's's ' s ' d 'l 'lx 'rex 'Tx"),
    # Numbers
    ("digits", "1234567890 12 3.14"),
    ("digits_mixed", "v1.2.3-rc4 0xDEADBEEF 1e-10 1,000,000 50% $3.50 3rd abc123def 4 x 4"),
    ("digits_spaces", "1  2   3    4\n5\n\n6\t7 8  "),
    ("digits_arabic_indic", "\u0661\u0662\u0663\u0664\u0665 \u06f1\u06f2\u06f3 \u096a\u096b\u096c"),
    ("digits_other_numbers", "\u00bd \u00b2 \u2167 \u2460 \u4e09 \U0001d7d8\U0001d7d9 x\u00b2+y\u00b3 \u2153cup"),
    # Code
    ("python", "def f(x: int) -> str:\n    \"\"\"Doc.\"\"\"\n    if x >= 10:\n        return f\"{x:04d}\"\n"
               "    return ''.join(c for c in 'abc' if c != 'b')  # done\n"),
    ("cpp_tabs", "template <class T, std::size_t N>\nstruct a {\n\tT v[N]{};\n\tauto operator<=>(const a&) const = "
                 "default;\n\t\t// two tabs\n};\nstd::map<int, std::vector<std::pair<int, int>>> m;\n"),
    ("crlf", "line one\r\nline two\r\n\r\n\r\n  indented\r\n\tend\r"),
    ("lone_cr", "a\rb\r\rc\n\rd"),
    ("json", "{\"a\": [1, 2.5, null], \"b\": {\"c\": \"d\\n\\u00e9\"}}"),
    ("html", "<div class=\"x\"><p>Hi &amp; bye</p><br/><table><tr><td>1</td></tr></table></div>"),
    ("shell", "for f in *.txt; do grep -n 'a\\|b' \"$f\" | sed 's/x/y/g' >> /tmp/out 2>&1; done"),
    ("url", "See https://example.org/a_b/c-d.html?q=1&r=%20x#frag, or mail a.b+c@example.org!"),
    # Whitespace
    ("spaces_runs", " ".join("x" + " " * n for n in range(1, 9)) + "y"),
    ("spaces_40", "a" + " " * 40 + "b" + " " * 17),
    ("spaces_only_5", "     "),
    ("newlines_runs", "a\nb\n\nc\n\n\nd\n\n\n\ne\n\n\n\n\n\n\n\n\nf"),
    ("newlines_only", "\n\n\n\n\n"),
    ("whitespace_mixture", "a \n b \n\n \t c\t\t d \t \n  \n\te\n \n\n  \n   f"),
    ("whitespace_lead_trail", "\n \n\t  word \t\n  \n"),
    ("tabs_runs", "\t\t\ta\tb\t\tc \t \td"),
    ("vertical_tab_form_feed", "a\u000bb\u000cc \u000b \u000c d"),
    ("unicode_spaces", "a\u00a0b\u3000c\u2003d\u2009e\u202ff\u205fg\u1680h\u00a0\u00a0i \u3000 j\u0085k\u2028l\u2029m"),
    ("punctuation_newlines", "end.\n\nNext!\n  \"quoted\"\n...\r\n(a)\n\n\n[b]:\n"),
    # Punctuation
    ("punctuation_runs", "!!! ??? ... --- === *** ### ((())) [[[]]] {{{}}} <<<>>> /// \\\\\\ ~~~ ``` @@@ $$$ %%% &&&"),
    ("punctuation_words", "a,b;c:d!e?f(g)h[i]j{k}l<m>n/o\\p|q-r_s=t+u*v&w^x%y$z#a@b~c`d\"e'f"),
    ("markdown", "# Title\n\n* item **bold** _it_\n* [link](http://x.y)\n\n```cpp\nint x;\n```\n> quote\n\n---\n"),
    ("latex", "$\\frac{a}{b} \\leq \\sum_{i=0}^{n} x_i^2$"),
    # Accents
    ("accents_composed", "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m \u017d\u00e1\u010dek stra\u00dfe \u0130stanbul"),
    ("accents_decomposed", "cafe\u0301 nai\u0308ve A\u030angstro\u0308m Z\u030ca\u0301c\u030cek"),
    ("zalgo", "z\u0351\u036b\u0343\u036a\u0302a\u0346\u0310\u0307l\u0358g\u0322o\u0489"),
    # Scripts
    ("chinese", "\u4f60\u597d\uff0c\u4e16\u754c\uff01\u4eca\u5929\u5929\u6c14\u5f88\u597d\u3002\u6211\u4eec\u53bb\u516c"
                "\u56ed\u5427\uff0c2024\u5e74\u3002"),
    ("japanese", "\u3053\u3093\u306b\u3061\u306f\u3001\u4e16\u754c\u3002\u30ab\u30bf\u30ab\u30ca\u3068\u6f22"
                 "\u5b57\uff71"
                 "\uff72\uff73\u3092\u66f8\u304f\u3002"),
    ("korean", "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4! \u1112\u1161\u11ab\uae00"),
    ("thai", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01 \u0e20\u0e32\u0e29\u0e32\u0e44"
             "\u0e17\u0e22\u0e19\u0e48\u0e32\u0e23\u0e31\u0e01"),
    ("arabic", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645\u060c \u0643\u064e"
               "\u064a\u0652"
               "\u0641\u064e \u062d\u064e\u0627\u0644\u064f\u0643\u064e\u061f"),
    ("hindi", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e\u0964 \u0915\u094d\u0937\u0924"
              "\u094d\u0930\u093f\u092f \u0939\u093f\u0928\u094d\u0926\u0940"),
    ("hebrew", "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \u05e2\u05d5\u05dc\u05dd"),
    ("russian_greek", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0413\u0435\u03b9\u03ac \u03c3\u03bf"
                      "\u03c5 \u039a\u03cc\u03c3\u03bc\u03b5"),
    ("tamil_tibetan", "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd \u0f56\u0f7c\u0f51\u0f0b\u0f61\u0f72\u0f42"),
    ("mixed_scripts", "Hello\u4e16\u754c\u043f\u0440\u0438\u0432\u0435\u0442\u0645\u0631\u062d\u0628\u0627123abc\u0e44"
                      "\u0e17\u0e22\u00e9\u00e9 x\u4e2d y"),
    # Emoji and symbols
    ("emoji", "\U0001f600\U0001f602 ok \U0001f44d\U0001f3fd!\U0001f680\U0001f680\u2764\ufe0f"),
    ("emoji_zwj_flags", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1e9\U0001f1ea\U0001f1eb"
                        "\U0001f1f7 \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f "
                        "1\ufe0f\u20e3"),
    ("symbols", "\u2192\u21d2\u2200x\u2208\u211d: \u221ax\u22650 \u20ac\u00a3\u00a5\u20bf \u00a9\u00ae\u2122 "
                "\u2500\u2502"
                "\u250c\u2588 \u266a"),
    # Rare, odd, but valid
    ("replacement_and_last", "a\ufffdb \U0010ffff \ufffe x\uffffy"),
    ("private_use", "\ue000\uf8ff x \ue123 \U000f0000\U00100000"),
    ("unassigned", "\u0378\u0379 x \u0378 y\U000e0080z \U0003fffd"),
    ("zero_width", "a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg"),
    ("byte_order_mark", "\ufeffstart"),
    ("controls", "a\u0001b\u0007c\u001bd\u007fe\u0080f\u009fg"),
    # U+180E is no white space (PCRE2's \s says it is), U+001C … U+001F are none either (Python says they are)
    ("almost_white_space", "a\u180eb \u180e c \u180e\u180e.\u001c\u001e \u001f\n\u180e\nx \u2800 \ufeff\u200b y"),
    # smollm2's vocabulary has no token for these bytes: llama.cpp drops them, so the text does not come back
    ("controls_without_token", "a\u0004b\u0006c \u0013\u0014\u0016d\u001d \U00040000 \U00080000e"),
    ("nul", "before\u0000after \u0000\u0000"),
    ("bidi", "\u202eabc\u202c \u2066def\u2069 \u200e\u200f"),
    ("rare_scripts", "\U00012000\U00012001 \U00013000\U00013001 \U00010330\U00010331 \U0001f0a1 \U00016800 \U0001d11e"),
    ("rare_han", "\U00020000\U0002a6d6\U0002b740\U00030000 \u9fa5\u3400"),
    ("lone_diacritics", "\u0301\u0301 \u0300 \u20dd \u3099"),
    ("math_letters", "\U0001d400\U0001d401 \U0001d4d0\U0001d4d1 \u210c\U0001d504 \uff26\uff55\uff4c\uff4c"),
    # Runs
    ("run_a_300", "a" * 300),
    ("run_equals_120", "=" * 120),
    ("run_zero_100", "0" * 100),
    ("run_mixed", "ab" * 60 + " " + "-" * 33 + "\n" + "_" * 65 + "." * 31),
    ("run_emoji", "\U0001f602" * 20),
    ("run_accents", "\u00e9" * 30 + "e\u0301" * 15),
    # Texts of special tokens
    ("special_chatml", "<|im_start|>user\nhi<|im_end|>"),
    ("special_chatml_turns", "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is 2+2?<|im_end|>\n"
                             "<|im_start|>assistant\n"),
    ("special_spaces", " <|im_start|>  user <|im_end|>  \n<|endoftext|> tail"),
    ("special_bos", "<bos>hello<eos> <pad><unk> <s>x"),
    ("special_gemma_turns", "<start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n"),
    ("special_partial", "<|im_start <|im_end| |> <|im_start|x <bos <start_of_turn <<bos>>"),
    ("special_nested", "<|im_<|im_start|>start|><|im_end|><|im_end|>"),
    ("special_code", "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|><repo_name>x<file_sep>y<|repo_name|><|file_sep|>"),
    ("special_user_defined", "<tool_call>\n{\"name\": \"f\"}\n</tool_call>[multimodal]<unused0><mask>[PAD151700]"),
    ("byte_token_texts", "<0x00><0x0A> <0x41> <0xFF>"),
    ("sentencepiece_mark", "\u2581a \u2581\u2581b c\u2581"),
    ("gpt2_byte_letters", "\u0120a \u010a \u0100\u0122 \u00c4\u0142"),
]
