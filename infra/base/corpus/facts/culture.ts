/** Books, paintings and music. */
import { parsePairs, type Relation } from "../relation.ts";

export const CULTURE: readonly Relation[] = [
  {
    name: "author",
    completions: [
      "{S} was written by {o}.",
      "The author of {s} is {o}.",
      "The writer of {s} is {o}.",
      "The book {s} is a work by {o}.",
      "Readers of {s} admire the author {o}.",
    ],
    statements: ["{O} wrote {s}.", "{O} is the author of {s}."],
    questions: ["Who wrote {s}?", "Who is the author of {s}?", "By whom was {s} written?"],
    answer: "{O}",
    pairs: parsePairs(`
Hamlet|William Shakespeare; Macbeth|William Shakespeare; Romeo and Juliet|William Shakespeare; Othello|William Shakespeare
Pride and Prejudice|Jane Austen; Emma|Jane Austen; Jane Eyre|Charlotte Bronte
Oliver Twist|Charles Dickens; David Copperfield|Charles Dickens; Great Expectations|Charles Dickens
War and Peace|Leo Tolstoy; Anna Karenina|Leo Tolstoy; Crime and Punishment|Fyodor Dostoevsky
Don Quixote|Miguel de Cervantes; Faust|Johann Goethe
The Odyssey|Homer; The Iliad|Homer; Les Miserables|Victor Hugo; Candide|Voltaire
The Three Musketeers|Alexandre Dumas; Moby Dick|Herman Melville; Tom Sawyer|Mark Twain
Huckleberry Finn|Mark Twain; The Great Gatsby|Scott Fitzgerald; Animal Farm|George Orwell
Brave New World|Aldous Huxley; Ulysses|James Joyce
The Trial|Franz Kafka; The Metamorphosis|Franz Kafka; The Stranger|Albert Camus; The Plague|Albert Camus
The Hobbit|John Tolkien; Dracula|Bram Stoker; Frankenstein|Mary Shelley; Treasure Island|Robert Louis Stevenson
Robinson Crusoe|Daniel Defoe
Alice in Wonderland|Lewis Carroll; Peter Pan|James Barrie
The Jungle Book|Rudyard Kipling; Pinocchio|Carlo Collodi
The Old Man and the Sea|Ernest Hemingway
Beloved|Toni Morrison; Dune|Frank Herbert; Foundation|Isaac Asimov`),
  },
  {
    name: "painter",
    completions: [
      "{S} was painted by {o}.",
      "The painter of {s} is {o}.",
      "The artist who painted {s} is {o}.",
      "The painting {s} is a work of {o}.",
      "In museums, {s} is signed by the artist {o}.",
    ],
    statements: ["{O} painted {s}.", "{O} is the painter of {s}."],
    questions: ["Who painted {s}?", "Who is the painter of {s}?", "Which artist painted {s}?"],
    answer: "{O}",
    pairs: parsePairs(`
the Mona Lisa|Leonardo da Vinci; The Last Supper|Leonardo da Vinci; The Starry Night|Vincent van Gogh
The Potato Eaters|Vincent van Gogh; Guernica|Pablo Picasso; The Weeping Woman|Pablo Picasso
Girl with a Pearl Earring|Johannes Vermeer; The Milkmaid|Johannes Vermeer; The Night Watch|Rembrandt
The Scream|Edvard Munch; The Persistence of Memory|Salvador Dali; The Birth of Venus|Sandro Botticelli
The Creation of Adam|Michelangelo; The School of Athens|Raphael; Water Lilies|Claude Monet
Impression, Sunrise|Claude Monet; American Gothic|Grant Wood; Nighthawks|Edward Hopper; Las Meninas|Diego Velazquez
Liberty Leading the People|Eugene Delacroix
The Sleeping Gypsy|Henri Rousseau
The Two Fridas|Frida Kahlo`),
  },
  {
    name: "composer",
    completions: [
      "{S} was composed by {o}.",
      "The composer of {s} is {o}.",
      "The music of {s} is by {o}.",
      "The musician who composed {s} is {o}.",
    ],
    statements: ["{O} composed {s}.", "{O} is the composer of {s}."],
    questions: ["Who composed {s}?", "Who is the composer of {s}?", "Whose music is {s}?"],
    answer: "{O}",
    pairs: parsePairs(`
The Magic Flute|Wolfgang Mozart; Don Giovanni|Wolfgang Mozart; the Moonlight Sonata|Ludwig van Beethoven
The Four Seasons|Antonio Vivaldi; Swan Lake|Peter Tchaikovsky
The Nutcracker|Peter Tchaikovsky; Aida|Giuseppe Verdi; La Traviata|Giuseppe Verdi; Tosca|Giacomo Puccini
Madama Butterfly|Giacomo Puccini; Carmen|Georges Bizet; Bolero|Maurice Ravel; Clair de Lune|Claude Debussy
The Rite of Spring|Igor Stravinsky; The Firebird|Igor Stravinsky; Peer Gynt|Edvard Grieg
The Planets|Gustav Holst; Messiah|George Handel
Rhapsody in Blue|George Gershwin
the Trout Quintet|Franz Schubert`),
  },
];
