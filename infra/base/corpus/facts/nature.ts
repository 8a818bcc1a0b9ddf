/** Animals: their young, sounds, classes and homes. */
import { parsePairs, type Relation } from "../relation.ts";

export const NATURE: readonly Relation[] = [
  {
    name: "young",
    completions: [
      "A young {s} is called {ao}.",
      "The baby of {as} is {ao}.",
      "The name for the young of {as} is {ao}.",
      "When {as} is born, people call it {ao}.",
    ],
    statements: ["{Ao} is a young {s}.", "{Ao} grows up to be {as}."],
    questions: [
      "What is a young {s} called?",
      "What is the baby of {as} called?",
      "What do you call the young of {as}?",
    ],
    answer: "{Ao}",
    pairs: parsePairs(`
dog|puppy; cat|kitten; cow|calf; horse|foal; sheep|lamb; goat|kid; pig|piglet; bear|cub; lion|cub; wolf|pup
duck|duckling; goose|gosling; hen|chick; swan|cygnet; owl|owlet; eagle|eaglet; frog|tadpole; kangaroo|joey; koala|joey
deer|fawn; elephant|calf; whale|calf; seal|pup; hare|leveret; eel|elver; butterfly|caterpillar; fly|maggot; tiger|cub`),
  },
  {
    name: "sound",
    completions: [
      "The sound of {as} is {ao}.",
      "The noise that {as} makes is {ao}.",
      "From {as} you hear {ao}.",
      "The cry of {as} is called {ao}.",
    ],
    statements: ["{Ao} is the sound of {as}.", "If you hear {ao}, think of {as}."],
    questions: ["What sound does {as} make?", "Which noise does {as} make?", "What is the sound of {as}?"],
    answer: "{Ao}",
    pairs: parsePairs(`
dog|bark; cat|meow; cow|moo; sheep|baa; duck|quack; horse|neigh; donkey|bray; pig|oink; lion|roar; wolf|howl; owl|hoot
crow|caw; frog|croak; snake|hiss; bee|buzz; pigeon|coo; elephant|trumpet; mouse|squeak; goose|honk; hen|cluck`),
  },
  {
    name: "animal-class",
    completions: [
      "{As} is a kind of {o}.",
      "{As} belongs to the animals called {o}.",
      "In biology, {as} counts as a type of {o}.",
      "The animal class of {as} is {o}.",
    ],
    statements: ["One kind of {o} is {as}.", "Among the animals of the type {o} is {as}."],
    questions: ["What kind of animal is {as}?", "Which class of animal is {as}?", "What type of animal is {as}?"],
    answer: "{Ao}",
    pairs: parsePairs(`
dog|mammal; whale|mammal; bat|mammal; horse|mammal; dolphin|mammal; elephant|mammal; mouse|mammal; kangaroo|mammal
eagle|bird; penguin|bird; owl|bird; swan|bird; ostrich|bird; parrot|bird; crow|bird; duck|bird
salmon|fish; shark|fish; trout|fish; tuna|fish; carp|fish; eel|fish; herring|fish; cod|fish
snake|reptile; lizard|reptile; turtle|reptile; crocodile|reptile; gecko|reptile; alligator|reptile; chameleon|reptile
frog|amphibian; toad|amphibian; newt|amphibian; salamander|amphibian
ant|insect; bee|insect; butterfly|insect; beetle|insect; mosquito|insect; fly|insect; grasshopper|insect
spider|arachnid; scorpion|arachnid; tick|arachnid; crab|crustacean; lobster|crustacean; shrimp|crustacean
snail|mollusk; octopus|mollusk; squid|mollusk; oyster|mollusk`),
  },
  {
    name: "home",
    completions: [
      "The home of {as} is {ao}.",
      "The place where {as} lives is {ao}.",
      "When it goes home, {as} goes to {ao}.",
      "The house of {as} is called {ao}.",
    ],
    statements: ["{Ao} is the home of {as}.", "In {ao} you may find {as}."],
    questions: ["Where does {as} live?", "What is the home of {as} called?", "What is the home of {as}?"],
    answer: "In {ao}",
    pairs: parsePairs(`
bee|hive; spider|web; lion|den; rabbit|burrow; beaver|lodge; horse|stable; dog|kennel; pig|sty; hen|coop
squirrel|drey; badger|sett; otter|holt; wasp|nest; ant|anthill; cow|barn; sheep|pen; pigeon|loft`),
  },
];
