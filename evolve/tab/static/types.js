/**
 * The types of the tab: what the server answers, and what the modules share. This module has no code.
 *
 * @module
 */

/**
 * One search of the log directory.
 *
 * @typedef {object} SearchSummary
 * @property {string} key names the search in requests
 * @property {string} name the folder of the search, relative to the log directory
 * @property {string} algorithm
 * @property {"running" | "ended" | "interrupted"} state
 * @property {string} reason why the search has ended; "" if it has not
 * @property {number} finished number of individuals with a result
 * @property {number} failed
 * @property {number} individuals number at which the search ends
 * @property {string} metric what the fitness measures, such as "validation accuracy"
 * @property {"max" | "min"} direction whether more or less of the metric is better; the fitness of a metric of which less
 *   is better is negated
 * @property {number | null} best the best fitness so far
 * @property {string} space equal for searches that differ only in algorithm and random seed
 * @property {string} group equal for searches that differ only in random seed
 * @property {number} seed
 * @property {string} stamp changes whenever the search has changed
 */

/**
 * Facts about a search that only its own page shows.
 *
 * @typedef {object} SearchFacts
 * @property {string} folder the work directory as a user types it; "" if there is none on this machine
 * @property {string} version
 * @property {number | null} population
 * @property {number[]} rungs the epochs of each rung; empty in a search without rungs
 * @property {{ chosen: number, correlation: number | null } | null} model how many individuals a model chose, and the rank
 *   correlation of its latest predictions
 * @property {{ name: string, direction: "max" | "min" }[]} objectives
 * @property {number[]} front the individuals that no other dominates, if the search has several objectives
 * @property {number[]} new_bests the individuals that were better than all before them, in the order of results
 * @property {string} source description of the images or of the table
 * @property {number} seconds time of all runs of the driver
 * @property {number} flops arithmetic of all trainings
 * @property {number} simulated seconds that the trainings behind a table took
 * @property {{ seconds: number | null, flops: number | null, target: number | null, simulated?: number | null }} budget
 * @property {{ busy: number, of: number | null }} workers
 * @property {number | null} step_share share of the workers' time that was spent in steps
 * @property {number | null} data_share share of the time of steps in which they waited for images
 * @property {number | null} chosen the individual that retrainings have chosen as the best
 * @property {number | null} retrained the mean fitness of its retrainings
 * @property {{ id: number, accuracy: number } | null} test of the best individual; null if it was not tested
 */

/** @typedef {(number | null)[]} Values */

/**
 * The individuals of a search as columns of one length, by rising id.
 *
 * @typedef {object} Columns
 * @property {number[]} id
 * @property {number[]} parent 0: no parent
 * @property {number[]} mate the second parent; 0: none
 * @property {number[]} rule index into `rules`
 * @property {number[]} status 0: pending, 1: done, 2: failed
 * @property {Values} fitness
 * @property {Values} params
 * @property {Values} mult_adds
 * @property {Values} depth
 * @property {Values} seconds
 * @property {Values} epochs
 * @property {Values} flops
 * @property {number[]} finished order of results from 1; 0: pending
 * @property {number[]} proposed_after number of results when it was proposed
 * @property {Values} left number of results after which it left the population; 0: it has not left; -1: no population;
 *   null: the population is not known
 * @property {number[]} tries
 * @property {number[]} original the first individual that is the same network
 * @property {Values} inherited
 * @property {Values} species the individual that began its species; null if it has none
 * @property {number[]} rejected number of children that were rejected before it
 * @property {number[]} rung the highest rung with a result, from 0 on
 * @property {Values} predicted the fitness that a model predicted when it chose the individual
 * @property {Values} data_share share of the time of its steps in which they waited for images
 */

/**
 * @typedef {object} Population the members after each individual, with the fitnesses that the search knew at that time
 * @property {number[]} finished
 * @property {Values} mean
 * @property {Values} low
 * @property {Values} high
 * @property {Values} best the best fitness so far
 */

/**
 * @typedef {object} OverviewAnswer
 * @property {boolean} [whole] false: only the individuals that changed
 * @property {SearchSummary & SearchFacts} search
 * @property {string[]} rules
 * @property {Columns} columns
 * @property {Record<string, Values>} metrics
 * @property {Population} population
 * @property {Record<string, number>} rejected children that were rejected, by rule
 * @property {string} stamp
 */

/**
 * @typedef {object} SearchesAnswer
 * @property {SearchSummary[]} searches
 * @property {{ name: string, message: string }[]} problems
 */

/**
 * @typedef {object} TraitsAnswer
 * @property {number[]} id
 * @property {Record<string, Values>} genes
 * @property {Record<string, number[]>} operations
 */

/**
 * @typedef {object} Epoch
 * @property {number} epoch
 * @property {number | null} loss
 * @property {number | null} accuracy
 * @property {number | null} validation_loss
 * @property {number | null} validation_accuracy
 */

/**
 * The result of an individual on one rung. The seconds are those of the whole training up to the rung.
 *
 * @typedef {object} RungAnswer
 * @property {number} rung from 0 on
 * @property {number | null} epochs
 * @property {number | null} fitness
 * @property {number | null} seconds
 */

/**
 * @typedef {object} IndividualAnswer
 * @property {number} id
 * @property {string} text its genotype as `.cell` text
 * @property {string} rule
 * @property {number | null} parent
 * @property {number | null} mate the second parent
 * @property {string} status
 * @property {string} error
 * @property {string} note
 * @property {number | null} fitness
 * @property {number | null} params
 * @property {number | null} mult_adds
 * @property {number | null} depth
 * @property {number | null} seconds
 * @property {number | null} step_seconds
 * @property {number | null} flops
 * @property {number} tries
 * @property {number | null} inherited
 * @property {Record<string, number | null>} metrics
 * @property {Record<string, number | string>} genes
 * @property {RungAnswer[]} rungs
 * @property {Epoch[]} epochs
 * @property {[string, string][]} rejected
 * @property {string[]} difference to its parent
 * @property {string[]} mate_difference to its mate
 * @property {string[]} weights sentences about the weights with which it starts
 * @property {number | null} gain
 * @property {number | null} retrained the mean fitness of its retrainings
 * @property {number[]} duplicates
 * @property {number[]} children
 * @property {number} descendants
 * @property {number[]} mated the children of which it is the mate
 * @property {string[]} commands
 * @property {{ epoch: number, of: number } | null} trained_now
 */

/**
 * @typedef {object} Ancestor
 * @property {number} id
 * @property {number | null} mate
 * @property {string} rule
 * @property {number | null} fitness
 * @property {number | null} gain
 * @property {string[]} difference to its parent
 */

/** @typedef {{ finished: number[], best: Values, mean: Values }} CurveAnswer */

/** @typedef {{ isDark: boolean, onlyChanged?: boolean }} Look how a picture is drawn */

/**
 * Where the tab gets its data: a server, or the data of a report.
 *
 * @typedef {object} Source
 * @property {boolean} isLive whether a search may change
 * @property {() => Promise<SearchesAnswer>} searches
 * @property {(key: string, since: string) => Promise<OverviewAnswer>} overview
 * @property {(key: string) => Promise<TraitsAnswer>} traits
 * @property {(key: string, id: number) => Promise<IndividualAnswer>} individual
 * @property {(key: string, id: number) => Promise<{ line: Ancestor[] }>} ancestors
 * @property {(key: string, a: number, b: number) => Promise<{ lines: string[] }>} difference
 * @property {(key: string, text: string) => Promise<{ ids: number[], unsearched?: number }>} genotypes; `unsearched`: the
 *   number of individuals whose texts a report does not have
 * @property {(key: string) => Promise<CurveAnswer>} curve
 * @property {(key: string, id: number, against: number | null, look: Look) => string} picture address of a picture; ""
 *   if there is none
 */

/** @typedef {"search" | "data" | "selected" | "second" | "brushed" | "view" | "theme" | "searches"} Change */

/**
 * A part of the page that shows the state.
 *
 * @typedef {object} View
 * @property {HTMLElement} node
 * @property {(changed: ReadonlySet<Change>) => void} update shows what has changed; it is called only while the view is
 *   visible, and with all changes when the view appears
 */

export {};
