"""Conversations rendered and masked by transformers: what the chat goldens of every tokenizer share."""

from tokenizer_texts import CHATS

# ChatML with transformers' `generation` markers: an assistant turn trains on its content and on the token that ends it,
# not on its header and not on the line break after it.
CHATML_WITH_MARKERS = (
    r"{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    r"{% if message['role'] == 'assistant' %}"
    r"{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    r"{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def chats_of(tokenizer):
    """Each conversation: its text by its own template, with and without the prompt for a reply, and its ids.

    `assistantMask` is 1 on the tokens to train on; the template that carries the markers must render the same text.
    """
    chats = []
    for name, messages in CHATS.items():
        render = lambda prompt: tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
        text = render(False)
        masked = tokenizer.apply_chat_template(
            messages,
            chat_template=CHATML_WITH_MARKERS,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids == masked["input_ids"], f"{name}: the marked template renders another text"
        chats.append(
            {
                "name": name,
                "messages": messages,
                "text": text,
                "textWithPrompt": render(True),
                "ids": ids,
                "idsWithPrompt": tokenizer(render(True), add_special_tokens=False)["input_ids"],
                "assistantMask": masked["assistant_masks"],
            }
        )
    return chats
