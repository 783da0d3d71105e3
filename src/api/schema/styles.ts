/**
 * The styles that `enhance_style` names, in our own words.
 *
 * The names are the API's. What they stand for there is not known; here each is what to add to the prompt, and behind a bar
 * what to add to the negative prompt. Names without words are known but add nothing on purpose.
 */

const STYLES = `
enhance: crisp detail, balanced light, rich tones, well composed | dull, blurry, noisy, badly composed
cinematic-diva: glamorous star on a film set, dramatic key light, couture gown, shallow depth of field | plain, flat light, casual snapshot
nude:
nsfw:
sex:
abstract-expressionism: abstract expressionist canvas, sweeping gestural brushwork, splashes of raw paint | photographic, tidy, literal
academia: old university mood, oak bookshelves, tweed, candlelight, worn leather volumes | neon, futuristic, bright plastic
action-figure: collectible plastic action figure in its box, jointed limbs, toy photography | real person, lifelike skin
adorable-3d-character: cute rendered character, big eyes, round shapes, soft studio light, smooth clay-like surfaces | scary, realistic, gritty
adorable-kawaii: kawaii drawing, tiny smiling faces, pastel colours, sparkles, simple rounded lines | dark, menacing, realistic
art-deco: art deco, stepped geometry, gilded ornaments, sunburst symmetry, lacquered elegance | rustic, messy, organic
art-nouveau: art nouveau, whiplash curves, floral borders, muted jewel tones, flowing hair and vines | angular, industrial, minimal
astral-aura: glowing aura, cosmic mist, starlight veins of energy, deep violet and teal | mundane, daylight, flat
avant-garde: avant-garde, daring composition, unexpected materials, experimental staging | conventional, ordinary
baroque: baroque painting, chiaroscuro, swirling drapery, theatrical poses, dark warm palette | flat, minimal, modern
bauhaus-style-poster: bauhaus poster, primary colours, circles and bars, strict grid, plain lettering | ornate, photographic, cluttered
blueprint-schematic-drawing: blueprint, white technical lines on prussian blue paper, measurements, cross-sections | colourful, painterly, photographic
caricature: caricature, exaggerated features, lively ink outlines, humorous likeness | realistic proportions, bland
cel-shaded-art: cel shading, hard two-tone shadows, bold outlines, flat bright fills | photorealistic, soft gradients
character-design-sheet: character design sheet, several views, expressions, costume details, plain background | single view, busy background
classicism-art: classicism, marble clarity, noble poses, measured balance, clear outlines | chaotic, modern, distorted
color-field-painting: colour field painting, large calm planes of saturated pigment, soft edges | detailed, figurative, cluttered
colored-pencil-art: coloured pencil drawing, visible hatching, layered wax strokes, grainy paper | photograph, glossy render
conceptual-art: conceptual art, one striking idea, sparse staging, gallery setting | decorative, busy
constructivism: constructivist poster, diagonal thrust, red and black, industrial shapes, bold type | pastel, delicate, natural
cubism: cubism, facets seen from several sides at once, muted ochres and greys, fractured planes | realistic perspective, smooth
dadaism: dada collage, absurd pairings, torn newsprint, playful nonsense | orderly, sensible, polished
dark-fantasy: dark fantasy, ruined castles, fog, grim heroes, eerie glow, brooding palette | cheerful, bright, cartoonish
dark-moody-atmosphere: moody low-key scene, deep shadows, one weak source of light, mist | bright, cheerful, overexposed
dmt-art: visionary kaleidoscope, endless fractal geometry, luminous colours, symmetrical beings of light | drab, plain, realistic
doodle-art: doodle, playful pen scribbles, dense little figures, hand-drawn patterns | photograph, polished render
double-exposure: double exposure, silhouette filled with a landscape, blended film frames | single exposure, flat
dripping-paint-splatter: dripping paint, wild splatters, running colours, wet canvas | clean, dry, precise
expressionism: expressionist painting, distorted forms, intense colours, anxious strokes | calm, realistic, tidy
faded-polaroid-photo: faded instant photograph, washed-out colours, white frame, light leaks, nostalgic | sharp digital, saturated
fauvism: fauvist painting, wild unnatural colours, broad unmixed strokes | muted, realistic colours
flat-2d: flat illustration, plain shapes, limited palette, no shading, clean edges | 3d, textured, photographic
fortnite-style: stylised battle game hero, chunky proportions, saturated colours, playful outfit | realistic, gritty, dull
futurism: futurist painting, speed lines, repeated motion, machines in rush, dynamic angles | static, calm, pastoral
glitchcore: glitch art, torn scan lines, shifted colour channels, corrupted pixels, neon noise | clean, intact, natural
glo-fi: dreamy washed synth-era haze, soft glow, sun-bleached pastel gradients, gentle blur | harsh, crisp, gloomy
googie-style: googie architecture, upswept roofs, boomerangs, starbursts, space-age diner signs | medieval, plain, gloomy
graffiti-art: graffiti mural, spray paint, bold lettering, drips, concrete wall | gallery oil painting, tidy
harlem-renaissance-art: harlem renaissance, rhythmic silhouettes, jazz-age energy, concentric light, earthy colours | cold, futuristic, sterile
high-fashion: high fashion editorial, designer outfit, confident pose, studio strobe, magazine finish | casual, messy, amateur
idyllic: idyllic countryside, gentle sunlight, flowers, peaceful harmony | urban decay, stormy, threatening
impressionism: impressionist painting, dabs of broken colour, shimmering light, open air | hard outlines, photographic
infographic-drawing: infographic, icons, arrows, labels, clear layout, flat colours | photographic, cluttered, painterly
ink-dripping-drawing: dripping ink, black runs on white paper, fluid edges, stark contrast | colourful, soft, photographic
japanese-ink-drawing: sumi-e ink, few assured strokes, empty space, soft grey washes on rice paper | crowded, colourful, glossy
knolling-photography: knolling, objects laid out at right angles, seen from straight above, even light | messy, tilted, overlapping
light-cheery-atmosphere: light and cheerful mood, airy colours, open smiles, morning sun | gloomy, dark, sad
logo-design: logo, simple memorable mark, vector shapes, strong negative space, plain background | photograph, intricate, shaded
luxurious-elegance: luxurious elegance, velvet, gold accents, polished marble, refined light | cheap, shabby, cluttered
macro-photography: macro photograph, extreme close-up, tiny details, creamy blurred background | wide shot, distant, flat
mandola-art: mandala, rings of repeated ornament, radial symmetry, meditative detail | asymmetric, plain, photographic
marker-drawing: marker drawing, bold felt-tip strokes, streaky fills, sketchbook page | photographic, smooth render
medievalism: medieval illumination, gold leaf, heraldic figures, flat perspective, vellum page | modern, futuristic, photographic
minimalism: minimalist, few elements, wide empty space, quiet colours | cluttered, ornate, busy
neo-baroque: neo-baroque, opulent ornament, theatrical light, modern excess, curling forms | plain, sober, flat
neo-byzantine: neo-byzantine mosaic, gold ground, solemn frontal figures, jewel-like tesserae | casual, perspective, drab
neo-futurism: neo-futurist architecture, sweeping white curves, glass, weightless structure | rustic, old, crumbling
neo-impressionism: neo-impressionist, tiny dots of pure colour, optical mixing, calm order | smooth blending, outlines
neo-rococo: neo-rococo, frothy ornament, pastel silk, gilded shells, playful grace | austere, dark, industrial
neoclassicism: neoclassical painting, heroic calm, clean contours, antique columns, cool light | chaotic, expressive, modern
op-art: op art, vibrating patterns, precise black and white lines, illusion of movement | painterly, figurative, soft
ornate-and-intricate: ornate, intricate filigree, layered ornament, delicate craftsmanship | plain, simple, crude
pencil-sketch-drawing: pencil sketch, graphite shading, loose construction lines, textured paper | colour, glossy, photographic
pop-art-2: pop art, repeated panels, halftone dots, loud flat colours, consumer icons | muted, subtle, realistic
rococo: rococo painting, pastel grace, garden idyll, silk and lace, curling gilt frames | grim, plain, modern
silhouette-art: silhouette, solid dark shapes against a glowing backdrop, strong contour | inner detail, flat light
simple-vector-art: simple vector art, smooth curves, few flat colours, crisp edges | texture, gradients, photographic
sketchup: architectural massing model, clean edges, simple materials, plain sky, study view | photographic, organic, dirty
steampunk-2: steampunk, riveted brass, gauges, steam pipes, goggles, soot and gaslight | sleek, digital, plastic
surrealism: surrealist painting, dream logic, melting scale, impossible encounters, long shadows | ordinary, logical
suprematism: suprematist, floating squares and crosses, pure geometry on white | figurative, shaded, ornate
terragen: rendered landscape, vast terrain, volumetric clouds, physically true skies, scenic vista | indoor, cartoon, people
tranquil-relaxing-atmosphere: tranquil mood, still water, soft mist, gentle colours, slow quiet | hectic, loud, harsh
sticker-designs: die-cut sticker, thick white border, bold outline, cheerful colours, plain background | photographic, complex background
vibrant-rim-light: vivid rim light, coloured edges glowing against a dark ground, bold contours of light | flat light, overexposed
volumetric-lighting: shafts of light, dust in the air, visible beams, deep space | flat light, hazy without direction
watercolor: watercolour, transparent washes, blooming pigment, soft paper edges | opaque, digital, hard outlines
whimsical-and-playful: whimsical scene, odd proportions, bright surprises, storybook humour | serious, grim, realistic
sharp: razor-sharp focus, fine texture, clear edges, high acuity | blurry, soft, out of focus
masterpiece: work of a master, superb composition, confident technique, museum quality | amateur, clumsy, unfinished
photograph: photograph, natural light, true colours, real texture, taken with a good lens | drawing, painting, render
negative: clean and well made | low quality, blurry, deformed, bad anatomy, watermark, text, cropped, jpeg artefacts
cinematic: film still, anamorphic framing, graded colours, dramatic light, story in one frame | snapshot, flat, oversaturated
ads-advertising: advertising shot, product in the centre, persuasive light, spotless background | cluttered, dull, amateur
ads-automotive: car advertisement, gleaming bodywork, dynamic angle, reflections, open road | dented, dirty, dull
ads-corporate: corporate picture, clean office, confident people, neutral tones, orderly | messy, grim, eccentric
ads-fashion-editorial: fashion spread, styled outfit, strong pose, refined set, magazine light | casual, unposed, dull
ads-food-photography: food photograph, fresh ingredients, steam, appetising colour, soft window light | stale, unappetising, messy
ads-gourmet-food-photography: fine dining plate, artful arrangement, dark slate, delicate garnish, soft spotlight | fast food, sloppy, harsh flash
ads-luxury: luxury advertisement, precious materials, black and gold, single elegant object | cheap, crowded, loud
ads-real-estate: real estate photograph, bright tidy rooms, wide lens, straight verticals, inviting | dark, cluttered, tilted
ads-retail: retail display, neat shelves, friendly colours, clear products, even light | empty, shabby, gloomy
abstract: abstract composition, free shapes and colours, rhythm without a subject | literal, figurative
constructivist: constructivist design, angular beams, limited red black and cream, agitating diagonals | soft, natural, ornate
cubist: cubist view, broken planes, several viewpoints, geometric bodies | smooth, photographic
expressionist: expressionist mood, raw strokes, jarring colours, emotional distortion | restrained, precise
graffiti: spray-painted street art, wild style letters, stencils, city wall | tidy, refined, indoor
hyperrealism: hyperrealist painting, every pore and reflection, astonishing precision | loose, stylised, vague
impressionist: impressionist light, quick visible strokes, fleeting moment, fresh colours | stiff, dark, outlined
pointillism: pointillism, picture made of countless small dots, shimmering complementary colours | lines, flat fills
pop-art: pop art, comic halftone, flat primaries, heavy outlines, everyday object made iconic | dull, realistic, subtle
psychedelic: psychedelic poster, swirling liquid patterns, clashing neon, warped shapes | grey, rigid, ordinary
renaissance: renaissance painting, sfumato, linear perspective, noble figures, warm varnish | modern, flat, neon
steampunk: steampunk invention, copper gears, leather, steam, clockwork ornament | modern electronics, plain
surrealist: surreal dreamscape, unlikely objects, calm strangeness, endless horizon | commonplace, realistic
typography: typographic design, expressive letterforms, careful spacing, words as image | photograph, illegible mess
futuristic-biomechanical: biomechanical future, bone fused with machine, ribbed tubes, slick alien surfaces | natural, rustic
futuristic-biomechanical-cyberpunk: biomechanical cyberpunk, implants, wet cables, neon on chrome flesh | pastoral, clean, daylight
futuristic-cybernetic: cybernetic future, glowing circuits, augmented bodies, data overlays | primitive, organic, dull
futuristic-cybernetic-robot: cybernetic robot, precise joints, polished plates, lit sensors | human skin, rusty junk
futuristic-cyberpunk-cityscape: cyberpunk city, towering neon signs, rain-wet streets, hovering traffic, night | countryside, daylight, empty
futuristic-futuristic: far future, sleek forms, unknown materials, luminous interfaces | antique, rustic
futuristic-retro-cyberpunk: eighties cyberpunk, chunky terminals, magenta grid, film grain, neon haze | modern minimal, natural
futuristic-retro: yesterday's future, chrome rockets, ray guns, atomic-age optimism, printed colours | contemporary, gritty
futuristic-sci-fi: science fiction, starships, strange worlds, advanced machines, epic scale | medieval, everyday
futuristic-vaporwave: vaporwave, pink and cyan, marble busts, grid horizon, palm trees, old computer windows | natural colours, modern
game-bubble: bubble shooter game, glossy round bubbles, candy colours, cheerful interface | dark, realistic, gritty
game-cyberpunk: cyberpunk video game, neon alley, augmented hero, in-game cinematic | fantasy castle, daylight meadow
game-fighting: fighting game, two opponents, dynamic stance, impact sparks, arena | peaceful, static
game-gta: open-world crime game artwork, bold outlines, posterised shading, city swagger | photograph, pastel, fantasy
game-mario: cheerful jumping game, bright blocks, green pipes, round hills, blue sky | dark, realistic, violent
game-minecraft: world of cubes, blocky terrain, pixelated textures, square sun | smooth curves, realistic
game-pokemon: monster-collecting game, cute creature, clean lines, bright habitat | horror, photographic
game-retro-arcade: retro arcade, glowing sprites, black screen, chunky pixels, score line | modern 3d, smooth
game-retro: old console game, limited palette, pixel sprites, tiled background | high resolution, photographic
game-rpg-fantasy: fantasy role-playing game, heroic party, enchanted gear, sweeping landscape | modern city, plain clothes
game-strategy: strategy game, view from above, buildings and units, map overview | close-up portrait, first person
game-streetfighter: versus fighting game, muscular martial artist, energy strike, ink-brush splash | calm, fragile, muted
game-zelda: adventure game, green tunic hero, ancient ruins, soft cel shading, wide meadows | modern, urban, gritty
misc-architectural: architectural view, clean structure, materials and light, precise lines | people in focus, clutter
misc-disco: disco, mirror ball, coloured beams, sequins, dance floor, seventies glamour | quiet, grey, rural
misc-dreamscape: dreamscape, floating islands, soft luminous haze, impossible calm | realistic, harsh
misc-dystopian: dystopia, decaying concrete, surveillance, ash sky, hopeless crowds | hopeful, lush, bright
misc-fairy-tale: fairy tale, enchanted forest, glowing mushrooms, storybook wonder | modern, mundane, grim
misc-gothic: gothic, pointed arches, black lace, candlelight, ravens, solemn gloom | cheerful, pastel, modern
misc-grunge: grunge, torn textures, dirty colours, scratched film, rebellious mood | clean, polished, luxurious
misc-horror: horror, dread, unseen presence, sickly light, unsettling detail | friendly, bright, cute
misc-kawaii: kawaii, adorable round mascot, pastel candy colours, little hearts | ugly, scary, realistic
misc-lovecraftian: cosmic horror, nameless tentacled things, cyclopean ruins, mad geometry | comforting, sunny
misc-macabre: macabre, skulls, wilted flowers, gallows humour, muted decay | cheerful, lively, bright
misc-manga: manga page, black ink, screentone, speed lines, expressive eyes | colour photograph, 3d
misc-metropolis: metropolis, endless skyscrapers, busy avenues, layers of traffic, evening lights | village, wilderness
misc-minimalist: minimalist scene, single subject, empty background, restrained palette | crowded, decorated
misc-monochrome: monochrome, shades of one tone, strong contrast, shape over colour | colourful, rainbow
misc-nautical: nautical, ropes and sails, salt spray, brass instruments, open sea | desert, inland
misc-space: outer space, nebulae, distant suns, planets, silent vastness | indoor, earthly street
misc-stained-glass: stained glass, leaded outlines, glowing coloured panes, radiant light | opaque, photographic
misc-techwear-fashion: techwear, black layered fabrics, straps, waterproof shells, urban night | classic suit, bright florals
misc-tribal: tribal art, carved masks, bold repeated motifs, natural pigments | modern, sleek, digital
misc-zentangle: zentangle, fine black pen patterns filling every shape, intricate repetition | colour, plain areas
papercraft-collage: paper collage, cut and torn pieces, layered prints, visible glue edges | smooth render, seamless
papercraft-flat-papercut: flat papercut, silhouettes in single sheets, sharp scissor edges | deep relief, photographic
papercraft-kirigami: kirigami, one sheet cut and folded into relief, crisp white paper, soft shadows | glued layers, painted
papercraft-paper-mache: papier-mâché figure, pasted strips, matt paint, handmade bumps | polished, metallic
papercraft-paper-quilling: paper quilling, rolled strips, coils and scrolls, delicate filigree | flat print, painted
papercraft-papercut-collage: papercut collage, overlapping coloured shapes, playful cut-outs, tactile depth | photograph, smooth
papercraft-papercut-shadow-box: papercut shadow box, stacked silhouettes, glowing from behind, deep layers | flat, unlit
papercraft-stacked-papercut: stacked papercut, many sheets rising like contour lines, soft shadows | single layer, flat
papercraft-thick-layered-papercut: thick layered papercut, chunky card, strong drop shadows, bold shapes | thin, flat, printed
photo-alien: photograph from an alien world, odd flora, two suns, unfamiliar light | earthly, ordinary
photo-film-noir: film noir still, black and white, venetian blind shadows, cigarette smoke, rain | colour, cheerful
photo-glamour: glamour portrait, soft flattering light, elegant make-up, gentle glow | harsh, unflattering, casual
photo-hdr: high dynamic range photograph, detail in shadow and light, vivid clarity | blown highlights, crushed shadows
photo-iphone-photographic: casual phone photograph, handheld, natural moment, deep focus | studio, staged, painted
photo-long-exposure: long exposure, light trails, silky water, still tripod night | frozen motion, daylight flash
photo-neon-noir: neon noir photograph, wet asphalt, red and blue glow, lone figure, night | sunny, pastel
photo-silhouette: photographed silhouette, subject black against a bright sky, clear outline | front lit, detailed face
photo-tilt-shift: tilt-shift photograph, narrow band of focus, miniature look, from above | deep focus, eye level
3d-model: 3d model, clean topology, studio render, global illumination, neutral ground | sketch, flat drawing
analog-film: analog film photograph, grain, gentle fade, warm halation, slight vignette | digital, noiseless, hdr
anime: anime illustration, expressive eyes, clean line art, luminous colours, painted background | photograph, realistic, 3d render
comic-book: comic book panel, inked outlines, dynamic pose, flat colours, dramatic shadows | photograph, soft focus
craft-clay: clay stop-motion figure, fingerprints, soft matt surfaces, miniature set | metal, glossy, drawn
digital-art: digital painting, confident brushwork, glowing light, rich detail, concept art | photograph, rough scan
fantasy-art: fantasy art, mythical beings, magic light, grand scenery, painterly detail | modern, mundane
isometric: isometric view, equal axes, tidy miniature scene, soft shadows, plain ground | perspective, eye level
line-art: line art, clean black contours on white, no fills, elegant economy | shading, colour, photograph
lowpoly: low poly, visible facets, simple triangles, gentle gradients, bright light | smooth, photographic, noisy
neonpunk: neonpunk, electric pink and blue, sleek chrome, dark city, glowing edges | daylight, dull, rustic
origami: origami, folded paper, crisp creases, plain background, soft light | drawn, wrinkled mess
photographic: photograph, real lens, natural skin and materials, shallow focus, balanced exposure | drawing, painting, cartoon
pixel-art: pixel art, small grid of square pixels, limited palette, careful dithering | smooth, blurry, photographic
texture: seamless texture, even light, fine surface detail, seen straight on, tileable | object, perspective, shadow
`;

/** What a style adds to both texts; empty for names that add nothing. */
export type Style = { readonly prompt: string; readonly negative: string };

const BY_NAME: ReadonlyMap<string, Style> = new Map(
  STYLES.trim()
    .split('\n')
    .map((line) => {
      const [, name = '', prompt = '', negative = ''] =
        /^([\w-]+): ?([^|]*?)(?: \| (.*))?$/.exec(line) ?? [];
      return [name, { prompt, negative }];
    }),
);

/** All names. */
export const STYLE_NAMES: readonly string[] = [...BY_NAME.keys()];

/** The style `name`; undefined when there is none of that name, or none with words. */
export function styleNamed(name: string): Style | undefined {
  const style = BY_NAME.get(name);
  return style?.prompt === '' ? undefined : style;
}
