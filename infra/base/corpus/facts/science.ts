/** Elements, planets, inventions, discoveries and scientists. */
import { parsePairs, parseRows, type Relation } from "../relation.ts";

/** element | symbol | atomic number */
const ELEMENTS = parseRows(`
hydrogen|H|1; helium|He|2; lithium|Li|3; beryllium|Be|4; boron|B|5; carbon|C|6; nitrogen|N|7; oxygen|O|8; fluorine|F|9
neon|Ne|10; sodium|Na|11; magnesium|Mg|12; aluminium|Al|13; silicon|Si|14; phosphorus|P|15; sulfur|S|16; chlorine|Cl|17
argon|Ar|18; potassium|K|19; calcium|Ca|20; titanium|Ti|22; vanadium|V|23; chromium|Cr|24; manganese|Mn|25; iron|Fe|26
cobalt|Co|27; nickel|Ni|28; copper|Cu|29; zinc|Zn|30; gallium|Ga|31; arsenic|As|33; selenium|Se|34; bromine|Br|35
krypton|Kr|36; zirconium|Zr|40; silver|Ag|47; tin|Sn|50; iodine|I|53; xenon|Xe|54; barium|Ba|56; tungsten|W|74
platinum|Pt|78; gold|Au|79; mercury|Hg|80; lead|Pb|82; radon|Rn|86; radium|Ra|88; uranium|U|92; plutonium|Pu|94`);

function column(index: number): [string, string][] {
  return ELEMENTS.map((row) => [row[0] ?? "", row[index] ?? ""]);
}

export const SCIENCE: readonly Relation[] = [
  {
    name: "element-symbol",
    completions: [
      "The chemical symbol for {s} is {o}.",
      "Chemists write {s} as {o}.",
      "In the periodic table, {s} is written {o}.",
      "The element {s} has the symbol {o}.",
      "The short sign for the element {s} is {o}.",
    ],
    statements: ["{O} is the chemical symbol for {s}.", "{O} stands for the element {s}."],
    questions: ["What is the chemical symbol for {s}?", "Which symbol stands for {s}?", "How do chemists write {s}?"],
    answer: "{O}",
    pairs: column(1),
  },
  {
    name: "atomic-number",
    completions: [
      "The atomic number of {s} is {o}.",
      "The number of protons in {s} is {o}.",
      "In the periodic table, {s} has the number {o}.",
      "The element {s} has the atomic number {o}.",
      "An atom of {s} has a proton count of {o}.",
    ],
    statements: ["{O} is the atomic number of {s}.", "Element number {o} is {s}."],
    questions: [
      "What is the atomic number of {s}?",
      "How many protons does {s} have?",
      "Which number does {s} have in the periodic table?",
    ],
    answer: "{O}",
    pairs: column(2),
  },
  {
    name: "planet-position",
    completions: [
      "Counted from the sun, {s} is planet number {o}.",
      "The position of {s} among the planets is {o}.",
      "In the solar system, {s} is the planet with the number {o}.",
      "Starting at the sun, the planet {s} comes at place {o}.",
    ],
    statements: ["Planet number {o} from the sun is {s}."],
    questions: ["Which number does the planet {s} have?", "Counted from the sun, which planet number is {s}?"],
    answer: "{O}",
    pairs: parsePairs("Mercury|1; Venus|2; Earth|3; Mars|4; Jupiter|5; Saturn|6; Uranus|7; Neptune|8"),
  },
  {
    name: "inventor",
    completions: [
      "{S} was invented by {o}.",
      "The inventor of {s} was {o}.",
      "The person who invented {s} was {o}.",
      "We owe {s} to the inventor {o}.",
      "The invention of {s} is the work of {o}.",
    ],
    statements: ["{O} invented {s}.", "{O} is known as the inventor of {s}."],
    questions: ["Who invented {s}?", "Who was the inventor of {s}?", "By whom was {s} invented?"],
    answer: "{O}",
    pairs: parsePairs(`
the telephone|Alexander Graham Bell; the phonograph|Thomas Edison; dynamite|Alfred Nobel
the World Wide Web|Tim Berners-Lee; the printing press|Johannes Gutenberg; the electric battery|Alessandro Volta
the saxophone|Adolphe Sax; the lightning rod|Benjamin Franklin; the cotton gin|Eli Whitney
the diesel engine|Rudolf Diesel; the smallpox vaccine|Edward Jenner
the pendulum clock|Christiaan Huygens; the induction motor|Nikola Tesla; the revolver|Samuel Colt
vulcanized rubber|Charles Goodyear; the safety elevator|Elisha Otis
the stethoscope|Rene Laennec; the computer mouse|Douglas Engelbart; basketball|James Naismith
volleyball|William Morgan; Esperanto|Ludwik Zamenhof
the power loom|Edmund Cartwright; the ballpoint pen|Laszlo Biro; the analytical engine|Charles Babbage
the Kodak camera|George Eastman; the Polaroid camera|Edwin Land; air conditioning|Willis Carrier
Bakelite|Leo Baekeland; Kevlar|Stephanie Kwolek
Tetris|Alexey Pajitnov; Linux|Linus Torvalds; Python|Guido van Rossum
the zipper|Gideon Sundback; the microwave oven|Percy Spencer
the Ferris wheel|George Ferris`),
  },
  {
    name: "discoverer",
    completions: [
      "{S} was discovered by {o}.",
      "The discoverer of {s} was {o}.",
      "The person who discovered {s} was {o}.",
      "The discovery of {s} is credited to {o}.",
    ],
    statements: ["{O} discovered {s}.", "{O} is remembered for discovering {s}."],
    questions: ["Who discovered {s}?", "Who was the discoverer of {s}?", "By whom was {s} discovered?"],
    answer: "{O}",
    pairs: parsePairs(`
penicillin|Alexander Fleming; radioactivity|Henri Becquerel; the electron|Joseph Thomson; the neutron|James Chadwick
the planet Uranus|William Herschel; Pluto|Clyde Tombaugh; insulin|Frederick Banting
the atomic nucleus|Ernest Rutherford; polonium|Marie Curie
the circulation of blood|William Harvey; X-radiation|Wilhelm Rontgen
the tomb of Tutankhamun|Howard Carter
the moon Titan|Christiaan Huygens`),
  },
  {
    name: "field",
    completions: [
      "{S} is best known for work in {o}.",
      "The field of {s} was {o}.",
      "{S} became famous in the field of {o}.",
      "The science that {s} studied was {o}.",
    ],
    statements: ["In {o}, one great name is {s}.", "One of the pioneers of {o} was {s}."],
    questions: ["What was the field of {s}?", "Which science did {s} work in?", "What did {s} study?"],
    answer: "{O}",
    pairs: parsePairs(`
Albert Einstein|physics; Niels Bohr|physics; Max Planck|physics; Richard Feynman|physics; Enrico Fermi|physics
Werner Heisenberg|physics; Charles Darwin|biology; Carl Linnaeus|biology; Rosalind Franklin|chemistry
Antoine Lavoisier|chemistry; Dmitri Mendeleev|chemistry; Linus Pauling|chemistry; Robert Boyle|chemistry
Leonhard Euler|mathematics; David Hilbert|mathematics; Emmy Noether|mathematics; Euclid|mathematics
Pythagoras|mathematics; Edwin Hubble|astronomy; Johannes Kepler|astronomy; Nicolaus Copernicus|astronomy
Tycho Brahe|astronomy; Gregor Mendel|genetics; Barbara McClintock|genetics; Sigmund Freud|psychology
Carl Jung|psychology; Ivan Pavlov|psychology; Adam Smith|economics; John Maynard Keynes|economics
Alfred Wegener|geology; Charles Lyell|geology; Alan Turing|computer science; Grace Hopper|computer science
Donald Knuth|computer science`),
  },
];
