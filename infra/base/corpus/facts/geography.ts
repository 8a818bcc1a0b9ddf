/** Countries, states, landmarks, mountains and rivers. `-` marks a cell with no single undisputed answer. */
import { parsePairs, parseRows, type Relation } from "../relation.ts";

/** country | capital | currency | official language | continent */
const COUNTRIES = parseRows(`
France|Paris|euro|French|Europe
Germany|Berlin|euro|German|Europe
Italy|Rome|euro|Italian|Europe
Spain|Madrid|euro|Spanish|Europe
Portugal|Lisbon|euro|Portuguese|Europe
the Netherlands|Amsterdam|euro|Dutch|Europe
Belgium|Brussels|euro|-|Europe
Austria|Vienna|euro|German|Europe
Greece|Athens|euro|Greek|Europe
Ireland|Dublin|euro|-|Europe
Finland|Helsinki|euro|-|Europe
Sweden|Stockholm|krona|Swedish|Europe
Norway|Oslo|krone|-|Europe
Denmark|Copenhagen|krone|Danish|Europe
Iceland|Reykjavik|krona|Icelandic|Europe
the United Kingdom|London|pound|-|Europe
Switzerland|Bern|franc|-|Europe
Poland|Warsaw|zloty|Polish|Europe
the Czech Republic|Prague|koruna|Czech|Europe
Slovakia|Bratislava|euro|Slovak|Europe
Hungary|Budapest|forint|Hungarian|Europe
Romania|Bucharest|leu|Romanian|Europe
Bulgaria|Sofia|-|Bulgarian|Europe
Serbia|Belgrade|dinar|Serbian|Europe
Croatia|Zagreb|euro|Croatian|Europe
Albania|Tirana|lek|Albanian|Europe
Ukraine|Kyiv|hryvnia|Ukrainian|Europe
Lithuania|Vilnius|euro|Lithuanian|Europe
Latvia|Riga|euro|Latvian|Europe
Estonia|Tallinn|euro|Estonian|Europe
Russia|Moscow|ruble|Russian|-
Turkey|Ankara|lira|Turkish|-
Japan|Tokyo|yen|Japanese|Asia
China|Beijing|yuan|Chinese|Asia
India|New Delhi|rupee|-|Asia
Pakistan|Islamabad|rupee|-|Asia
Bangladesh|Dhaka|taka|Bengali|Asia
Nepal|Kathmandu|rupee|Nepali|Asia
Thailand|Bangkok|baht|Thai|Asia
Vietnam|Hanoi|dong|Vietnamese|Asia
Indonesia|-|rupiah|Indonesian|Asia
Malaysia|Kuala Lumpur|ringgit|Malay|Asia
the Philippines|Manila|peso|-|Asia
South Korea|Seoul|won|Korean|Asia
Cambodia|Phnom Penh|riel|Khmer|Asia
Saudi Arabia|Riyadh|riyal|Arabic|Asia
Iran|Tehran|rial|Persian|Asia
Iraq|Baghdad|dinar|-|Asia
Jordan|Amman|dinar|Arabic|Asia
Lebanon|Beirut|pound|Arabic|Asia
Qatar|Doha|riyal|Arabic|Asia
Oman|Muscat|rial|Arabic|Asia
Afghanistan|Kabul|afghani|-|Asia
Egypt|Cairo|pound|Arabic|Africa
Morocco|Rabat|dirham|-|Africa
Algeria|Algiers|dinar|-|Africa
Tunisia|Tunis|dinar|Arabic|Africa
Libya|Tripoli|dinar|Arabic|Africa
Ethiopia|Addis Ababa|birr|-|Africa
Kenya|Nairobi|shilling|-|Africa
Uganda|Kampala|shilling|-|Africa
Ghana|Accra|cedi|English|Africa
Nigeria|Abuja|naira|English|Africa
Senegal|Dakar|franc|French|Africa
Angola|Luanda|kwanza|Portuguese|Africa
Zambia|Lusaka|kwacha|English|Africa
Namibia|Windhoek|dollar|English|Africa
South Africa|-|rand|-|Africa
the United States|Washington|dollar|-|North America
Canada|Ottawa|dollar|-|North America
Mexico|Mexico City|peso|-|North America
Cuba|Havana|peso|Spanish|North America
Jamaica|Kingston|dollar|English|North America
Brazil|Brasilia|real|Portuguese|South America
Argentina|Buenos Aires|peso|Spanish|South America
Chile|Santiago|peso|Spanish|South America
Peru|Lima|sol|-|South America
Colombia|Bogota|peso|Spanish|South America
Venezuela|Caracas|bolivar|Spanish|South America
Ecuador|Quito|dollar|Spanish|South America
Uruguay|Montevideo|peso|Spanish|South America
Australia|Canberra|dollar|-|Oceania
New Zealand|Wellington|dollar|-|Oceania`);

function column(index: number): [string, string][] {
  return COUNTRIES.filter((row) => row[index] !== "-").map((row) => [row[0] ?? "", row[index] ?? ""]);
}

export const GEOGRAPHY: readonly Relation[] = [
  {
    name: "capital",
    completions: [
      "The capital of {s} is {o}.",
      "The capital city of {s} is {o}.",
      "{S} has its capital in {o}.",
      "The government of {s} sits in {o}.",
      "In {s}, the capital is {o}.",
    ],
    statements: ["{O} is the capital of {s}.", "{O} is the seat of government of {s}."],
    questions: ["What is the capital of {s}?", "Which city is the capital of {s}?", "What is {s}'s capital?"],
    answer: "{O}",
    pairs: column(1),
  },
  {
    name: "currency",
    completions: [
      "The currency of {s} is the {o}.",
      "People in {s} pay with the {o}.",
      "The money used in {s} is the {o}.",
      "In {s}, the currency is the {o}.",
      "Shops in {s} take the {o}.",
    ],
    statements: ["The {o} is the currency of {s}.", "The {o} is the money of {s}."],
    questions: ["What is the currency of {s}?", "Which currency is used in {s}?", "What money do people use in {s}?"],
    answer: "The {o}",
    pairs: column(2),
  },
  {
    name: "language",
    completions: [
      "The official language of {s} is {o}.",
      "People in {s} speak {o}.",
      "The language spoken in {s} is {o}.",
      "In {s}, the official language is {o}.",
      "Children in {s} learn to read in {o}.",
    ],
    statements: ["{O} is the official language of {s}.", "{O} is spoken in {s}."],
    questions: [
      "What is the official language of {s}?",
      "Which language do people speak in {s}?",
      "What language is spoken in {s}?",
    ],
    answer: "{O}",
    pairs: column(3),
  },
  {
    name: "continent",
    completions: [
      "{S} is a country in {o}.",
      "{S} lies on the continent of {o}.",
      "The continent of {s} is {o}.",
      "{S} belongs to the continent of {o}.",
      "On a map, {s} is found in {o}.",
    ],
    statements: ["{S} is in {o} on the globe.", "One of the countries of {o} is {s}."],
    questions: ["On which continent is {s}?", "Which continent is {s} part of?", "Where in the world is {s}?"],
    answer: "{O}",
    pairs: column(4),
  },
  {
    name: "state-capital",
    completions: [
      "The state capital of {s} is {o}.",
      "In the state of {s}, the capital is {o}.",
      "The governor of {s} works in {o}.",
      "The American state of {s} has its capital in {o}.",
      "Lawmakers of the state of {s} meet in {o}.",
    ],
    statements: ["{O} is the capital of the state of {s}.", "{O} is the state capital of {s}."],
    questions: [
      "What is the state capital of {s}?",
      "Which city is the capital of the state of {s}?",
      "Where does the governor of {s} work?",
    ],
    answer: "{O}",
    pairs: parsePairs(`
Alabama|Montgomery; Alaska|Juneau; Arizona|Phoenix; Arkansas|Little Rock; California|Sacramento; Colorado|Denver
Connecticut|Hartford; Delaware|Dover; Florida|Tallahassee; Georgia|Atlanta; Hawaii|Honolulu; Idaho|Boise
Illinois|Springfield; Indiana|Indianapolis; Iowa|Des Moines; Kansas|Topeka; Kentucky|Frankfort; Louisiana|Baton Rouge
Maine|Augusta; Maryland|Annapolis; Massachusetts|Boston; Michigan|Lansing; Minnesota|Saint Paul; Mississippi|Jackson
Missouri|Jefferson City; Montana|Helena; Nebraska|Lincoln; Nevada|Carson City; New Hampshire|Concord
New Jersey|Trenton; New Mexico|Santa Fe; New York|Albany; North Carolina|Raleigh; North Dakota|Bismarck; Ohio|Columbus
Oklahoma|Oklahoma City; Oregon|Salem; Pennsylvania|Harrisburg; Rhode Island|Providence; South Carolina|Columbia
South Dakota|Pierre; Tennessee|Nashville; Texas|Austin; Utah|Salt Lake City; Vermont|Montpelier; Virginia|Richmond
Washington|Olympia; West Virginia|Charleston; Wisconsin|Madison; Wyoming|Cheyenne`),
  },
  {
    name: "landmark",
    completions: [
      "{S} is located in {o}.",
      "{S} stands in the city of {o}.",
      "To see {s}, you travel to {o}.",
      "The city where {s} can be visited is {o}.",
      "Tourists find {s} in {o}.",
    ],
    statements: ["{O} is home to {s}.", "A famous sight of {o} is {s}."],
    questions: ["In which city is {s}?", "Where is {s}?", "Which city do I visit to see {s}?"],
    answer: "{O}",
    pairs: parsePairs(`
the Eiffel Tower|Paris; the Louvre|Paris; the Colosseum|Rome; the Trevi Fountain|Rome; Big Ben|London
the Tower Bridge|London; Buckingham Palace|London; the Brandenburg Gate|Berlin; the Sagrada Familia|Barcelona
the Acropolis|Athens; the Parthenon|Athens; the Prado Museum|Madrid; the Rijksmuseum|Amsterdam
the Kremlin|Moscow; the Charles Bridge|Prague
the Hagia Sophia|Istanbul; the Blue Mosque|Istanbul
the Statue of Liberty|New York
the Empire State Building|New York; Central Park|New York; the Golden Gate Bridge|San Francisco; Alcatraz|San Francisco
the White House|Washington; the Lincoln Memorial|Washington; the Space Needle|Seattle; the Hollywood Sign|Los Angeles
the Willis Tower|Chicago; the Liberty Bell|Philadelphia; the Gateway Arch|Saint Louis; the CN Tower|Toronto
Christ the Redeemer|Rio de Janeiro; the Sydney Opera House|Sydney; the Burj Khalifa|Dubai; the Forbidden City|Beijing
Tiananmen Square|Beijing; the Taj Mahal|Agra; Edinburgh Castle|Edinburgh
the Atomium|Brussels; the Alhambra|Granada`),
  },
  {
    name: "mountain",
    completions: [
      "{S} is a mountain in {o}.",
      "Climbers of {s} first travel to {o}.",
      "The country of {s} is {o}.",
      "{S} rises in {o}.",
    ],
    statements: ["A famous mountain of {o} is {s}.", "In {o} you can see {s}."],
    questions: ["In which country is {s}?", "Which country does {s} rise in?", "Where is {s} found?"],
    answer: "{O}",
    pairs: parsePairs(`
Mount Fuji|Japan; Kilimanjaro|Tanzania; Mount Etna|Italy; Denali|the United States; Aconcagua|Argentina
Mount Olympus|Greece; Mount Elbrus|Russia; Mount Ararat|Turkey; Cotopaxi|Ecuador; Table Mountain|South Africa
the Zugspitze|Germany; Mount Logan|Canada; Popocatepetl|Mexico; Mount Kinabalu|Malaysia; Hekla|Iceland
Mount Cook|New Zealand`),
  },
  {
    name: "river",
    completions: [
      "{S} is a river in {o}.",
      "{S} flows through {o}.",
      "Boats on {s} sail through {o}.",
      "The continent that {s} crosses is {o}.",
    ],
    statements: ["One of the rivers of {o} is {s}.", "In {o} there is a river called {s}."],
    questions: ["On which continent is {s}?", "Which continent does {s} flow through?", "Where does {s} flow?"],
    answer: "{O}",
    pairs: parsePairs(`
the Nile|Africa; the Congo|Africa; the Niger|Africa; the Zambezi|Africa; the Amazon|South America
the Orinoco|South America; the Mississippi|North America; the Yukon|North America; the Colorado|North America
the Danube|Europe; the Rhine|Europe; the Thames|Europe; the Seine|Europe; the Volga|Europe; the Yangtze|Asia
the Ganges|Asia; the Mekong|Asia; the Indus|Asia; the Murray|Oceania`),
  },
];
