/* The log in the bucket: what LogMachine decides, against a store and a network that do their worst.
 *
 * The labels of a writer are the steps of Sources/Replication/Log/LogMachine.swift, and what stands behind them are its
 * rules; whoever changes one changes the other. Writers add batches by creating object N if absent. Requests are delayed,
 * repeated and lost, answers are lost, writers crash (with their disk or without) and stand still between any two steps,
 * the log is compacted and covered names of level 0 come free again. The clocks of the writers' machines may show none of
 * the time that passed, so all that is believed is believed by the store's. Only safety is checked: the numbers are small,
 * and within them every interleaving is tried.
 *
 * Each of -DEARLYACK, -DUNCOND, -DNOWINDOW, -DNOJUDGE, -DGETONLY, -DBLIND412, -DTIMEOUTFAIL and -DTRUSTLOCAL breaks one
 * rule, and must be noticed. That a file of others under the own name is judged too takes three transactions to matter:
 * the simulator in Tests/ReplicationTests/Log is what notices the lack of that.
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef TXIDS
#define TXIDS 2
#endif
#ifndef BATCHES
#define BATCHES 3
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef REPEATS
#define REPEATS 1               /* requests that the network delivers twice */
#endif
#ifndef TIME
#define TIME 1                  /* the last moment */
#endif
#define WINDOW 1                /* a position is believed for less than this after its confirmation, */
#define RETENTION 1             /* and a name comes free at the earliest this long after it was covered */
#define REQUESTS 2              /* under way at once, of all writers */

/* The bucket, and its clock. */
byte level0[TXIDS+1];           /* the batch in N-N.ltx, 0 for none */
byte above[TXIDS+1];            /* what a higher level has of N, for N <= covered */
byte coveredAt[TXIDS+1];
byte covered, newest, now;
byte history[TXIDS+1];          /* ghost: the batch that was first created as N */

/* Creates under way, and their answers. */
byte sentTXID[REQUESTS], sentBatch[REQUESTS], sentBy[REQUESTS];
byte answer[WRITERS];           /* 0 for none, 1 created, 2 exists */
byte answerAt[WRITERS];
byte askedBatch[WRITERS], askedTXID[WRITERS];

/* What clients were told. */
bool acknowledged[BATCHES+1], failed[BATCHES+1];
byte begun, crashes, repeats;

/* What readers see. */
byte database[WRITERS*(TXIDS+1)];
#define DATABASE(w,t) database[(w)*(TXIDS+1)+(t)]

#define IS_FRESH(t) ((t) - confirmed < WINDOW)

/* No reader ever sees anything but a prefix of the log. */
inline checkVisible(w) {
  k = 1;
  do :: k <= tip -> assert(DATABASE(w,k) == history[k]); k++ :: else -> break od;
  k = 0
}

/* From the levels, by a listing and what it names. */
inline restore(w) {
  d_step {
    tip = newest; confirmed = now; k = 1;
    do
    :: k <= TXIDS -> DATABASE(w,k) = (k > newest -> 0 : (k <= covered -> above[k] : level0[k])); k++
    :: else -> break
    od;
    checkVisible(w)
  }
}

inline send(w, t, b) {
  d_step {
    answer[w] = 0; askedBatch[w] = b; askedTXID[w] = t; k = 0;
    do :: k < REQUESTS && sentTXID[k] != 0 -> k++ :: else -> break od;
    if :: k < REQUESTS -> sentTXID[k] = t; sentBatch[k] = b; sentBy[k] = w :: else fi;  /* else lost on the way */
    k = 0
  }
}

inline forget(w) { answer[w] = 0; answerAt[w] = 0; askedBatch[w] = 0; askedTXID[w] = 0 }

/* Wipes all disks, restores, and compares with what clients were told. */
hidden byte auditBatch, auditTXID, auditFound, auditCount;
inline audit() {
  d_step {
    auditBatch = 1;
    do
    :: auditBatch <= BATCHES ->
         auditTXID = 1; auditCount = 0;
         do
         :: auditTXID <= newest ->
              auditFound = (auditTXID <= covered -> above[auditTXID] : level0[auditTXID]);
              assert(auditFound == history[auditTXID] && auditFound != 0);  /* no gap, and nothing ever changes */
              if :: auditFound == auditBatch -> auditCount++ :: else fi;
              auditTXID++
         :: else -> break
         od;
         assert(auditCount <= 1);                                     /* never there twice */
         assert(!acknowledged[auditBatch] || auditCount == 1);        /* acknowledged: there */
         assert(!failed[auditBatch] || auditCount == 0);              /* called failed: not there */
         auditBatch++
    :: else -> break
    od
  }
}

/* It is in the log, and now in this database: only now the client is told. */
inline commit(w) {
  acknowledged[batch] = 1; assert(history[next] == batch); audit();
  tip = next; DATABASE(w,next) = batch; checkVisible(w);
  batch = 0; next = 0
}

proctype Writer(byte me) {
  byte tip, confirmed, batch, next, attempts, at, found, k;
#ifdef TRUSTLOCAL
  byte ghost;                                           /* frames of a commit that was under way */
#endif

boot:
  atomic {
#ifdef TRUSTLOCAL
    if
    :: ghost != 0 && tip == newest && tip < TXIDS ->    /* a position record that outlived the first write: */
         tip++; DATABASE(me,tip) = ghost; checkVisible(me)  /* those frames pass for the log's end */
    :: else -> restore(me)
    fi;
    ghost = 0;
#else
    restore(me);
#endif
    batch = 0; next = 0; attempts = 0
  };
idle:
  if
  :: atomic { begun < BATCHES -> begun++; batch = begun; goto begin }
  :: atomic { tip < TXIDS -> next = tip + 1; goto fetching }  /* a read asks for what is newer */
  :: atomic { crashes < CRASHES -> crashes++; goto boot }
  :: begun >= BATCHES -> goto done
  fi;

begin:                                                  /* what delays the rest, delays the request as well */
  atomic {
    attempts = 0; next = tip + 1;
#ifndef NOWINDOW
    if                                                  /* confirming: */
    :: !IS_FRESH(now) ->                                /* if the clocks of this machine show it */
         if
         :: newest > tip -> goto fetching               /* lost, certainly: nothing was sent */
         :: else -> confirmed = now
         fi
    :: skip
    fi;
#endif
    if :: tip >= TXIDS -> batch = 0; next = 0; goto done :: else fi;
#ifdef EARLYACK
    acknowledged[batch] = 1; audit();
#endif
    send(me, next, batch); goto creating
  };
again:
  atomic { attempts = 1; send(me, next, batch) };
creating:
  if
  :: atomic {                                           /* created: but as a transaction of this log? */
       answer[me] == 1 -> at = answerAt[me]; forget(me);
#if !defined(NOWINDOW) && !defined(NOJUDGE)
       if :: !IS_FRESH(at) -> at = 0; goto judging :: else fi;
#endif
       confirmed = at; at = 0; commit(me); attempts = 0; goto idle
     }
#ifdef BLIND412
  :: atomic { answer[me] == 2 -> forget(me); attempts = 0; goto fetching }
#else
  :: atomic { answer[me] == 2 -> forget(me) }
#endif
  :: atomic {                                           /* nothing came, or nothing that says anything */
       forget(me);
#ifdef TIMEOUTFAIL
       failed[batch] = 1; audit(); batch = 0; next = 0; attempts = 0; goto idle
#endif
     }
  :: atomic {
       crashes < CRASHES -> crashes++; forget(me);
#ifdef TRUSTLOCAL
       ghost = batch;
#endif
       goto boot
     }
  fi;
readingBack:
  if
  :: atomic {                                           /* there, and mine: since when, nobody says */
       level0[next] == batch ->
#if !defined(NOWINDOW) && !defined(NOJUDGE)
         if :: !IS_FRESH(now) -> goto judging :: else fi;
#endif
         commit(me); attempts = 0; goto idle
     }
  :: atomic {                                           /* lost, if that is the first of its name */
       level0[next] != 0 && level0[next] != batch ->
         attempts = 0;
#ifndef NOWINDOW
         if :: !IS_FRESH(now) -> goto judgingLoss :: else fi;
#endif
         goto fetching
     }
  :: atomic { level0[next] == 0 && attempts == 0 -> goto again }
  :: atomic { level0[next] == 0 -> batch = 0; next = 0; attempts = 0; goto idle }  /* too late: unknown */
  fi;
judging:
  atomic {
    if
    :: covered >= next -> goto boot                     /* unknown, and this database is worth nothing */
    :: else -> confirmed = now; commit(me); attempts = 0; goto idle
    fi
  };
judgingLoss:
  atomic { if :: covered >= next -> goto boot :: else -> goto fetching fi };

fetching:
  atomic {
    found = level0[next];
#if !defined(NOWINDOW) && !defined(GETONLY)
    if :: IS_FRESH(now) -> skip :: else -> goto judgingFound fi;
#endif
    if
    :: IS_FRESH(now) && found == 0 -> confirmed = now
    :: else
    fi;
    goto accept
  };
judgingFound:                                           /* judgingEntry and judgingEnd */
  atomic {
    if :: covered > tip -> restore(me); found = 0; next = 0; goto caughtUp :: else -> confirmed = now fi
  };
accept:
  atomic {
    if
    :: found == 0 -> next = 0; goto caughtUp
    :: else ->
         tip = next; DATABASE(me,next) = found; checkVisible(me); found = 0; next++;
         if :: next > TXIDS -> next = 0; goto caughtUp :: else -> goto fetching fi
    fi
  };
caughtUp:
  if :: batch != 0 -> goto begin :: else -> goto idle fi;
done:
  skip
}

proctype Network() {
  byte i, t;
end:
  do
  :: atomic {
       if :: sentTXID[0] != 0 -> i = 0 :: sentTXID[1] != 0 -> i = 1 fi;
       if
       :: skip ->
            t = sentTXID[i];
#ifdef UNCOND
            if :: true ->
#else
            if :: level0[t] == 0 ->
#endif
                 level0[t] = sentBatch[i];
                 if :: history[t] == 0 -> history[t] = sentBatch[i] :: else fi;
                 if :: t > newest -> newest = t :: else fi;
                 if
                 :: askedBatch[sentBy[i]] == sentBatch[i] && askedTXID[sentBy[i]] == t ->
                      answer[sentBy[i]] = 1; answerAt[sentBy[i]] = now
                 :: skip
                 fi
#ifndef UNCOND
            :: else ->
                 if :: askedBatch[sentBy[i]] == sentBatch[i] && askedTXID[sentBy[i]] == t -> answer[sentBy[i]] = 2 :: skip fi
#endif
            fi;
            if :: repeats < REPEATS -> repeats++ :: sentTXID[i] = 0; sentBatch[i] = 0; sentBy[i] = 0 fi
       :: sentTXID[i] = 0; sentBatch[i] = 0; sentBy[i] = 0
       fi;
       i = 0; t = 0; audit()
     }
  od
}

proctype Clock() {
end: do :: now < TIME -> now++ od
}

/* Compaction, by whoever; then covered names come free, in order, and never the newest. */
proctype Levels() {
  byte i;
end:
  do
  :: atomic {
       covered < newest ->
         assert(level0[covered+1] != 0);
         covered++; above[covered] = level0[covered]; coveredAt[covered] = now; audit()
     }
  :: atomic {
       i = 1;
       do :: i < covered && level0[i] == 0 -> i++ :: else -> break od;
#ifdef NOWINDOW
       (i <= covered && i < newest && level0[i] != 0);
#else
       (i <= covered && i < newest && level0[i] != 0 && now - coveredAt[i] >= RETENTION);
#endif
       level0[i] = 0; i = 0; audit()
     }
  od
}

init {
  byte i;
  atomic {
    run Clock(); run Levels(); run Network();
    do :: i < WRITERS -> run Writer(i); i++ :: else -> break od
  }
}
