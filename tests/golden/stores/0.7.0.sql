PRAGMA user_version=7;
BEGIN TRANSACTION;
CREATE TABLE individuals (
  id integer primary key,
  parent integer,
  rule text not null,
  genotype text not null,
  fingerprint text not null,
  fitness real,
  params integer,
  mult_adds integer,
  seconds real,
  status text not null check (status in ('running', 'done', 'failed')),
  error text not null default '',
  rejected text not null default '[]',
  forget integer not null default 0,
  history text not null default '[]',
  finished integer unique,
  proposed_after integer not null,
  inherited real,
  note text not null default '',
  genes text not null default '',
  tries integer not null default 1,
  flops real not null default 0,
  step_seconds real not null default 0,
  memo text not null default '',
  metrics text not null default '{}',
  depth integer
);
INSERT INTO "individuals" VALUES(1,NULL,'random','cell normal(here: project, before: match) fit shape {
  a = identity(here) + dil_conv[3x3](here)
  b = dil_conv[3x3](before) + identity(here)
  c = sep_conv[5x5](here) + dil_conv[3x3](here)
  d = avg_pool[3x3](here) + max_pool[3x3](here)
  e = sep_conv[7x7](here) + max_pool[3x3](here)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[7x7](here) + conv_1x7_7x1(before)
  b = identity(a) + sep_conv[5x5](here)
  c = identity(before) + dil_conv[3x3](a)
  d = sep_conv[3x3](before) + dil_conv[3x3](b)
  e = max_pool[3x3](b) + sep_conv[7x7](d)
  return concat(unused)
}
','6a77360589020020209fabb54421a492',2.55910987482614760146e-01,21006,211472,3.27405946560029406091e+01,'done','','[]',0,'[[1, 2.57651086287065, 0.17329545454545456, 2.148592846781554, 0.25591098748261476]]',2,0,NULL,'','',1,455510688.0,3.59696652399725280702e+00,'','{}',43);
INSERT INTO "individuals" VALUES(2,NULL,'random','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = max_pool[3x3](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](here) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','ebc96942d7e6a922d235205a0d16db3e',3.74130737134909574503e-01,22916,282384,3.39917446819963515731e+01,'done','','[]',0,'[[1, 2.43729643388228, 0.2755681818181818, 2.12975513951669, 0.3741307371349096]]',1,0,NULL,'','',1,608255136.0,3.44507718199747614562e+00,'','{}',39);
INSERT INTO "individuals" VALUES(3,NULL,'random','cell normal(here: project, before: match) fit shape {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','858a590ff8b1c666e6ef3ab2e55fa21c',2.01668984700973580315e-01,23302,286736,2.33771556249994318923e+01,'done','','[]',0,'[[1, 2.487529928034002, 0.1590909090909091, 2.269929548961231, 0.20166898470097358]]',4,0,NULL,'','',1,617629344.0,3.13673197000025538727e+00,'','{}',63);
INSERT INTO "individuals" VALUES(4,NULL,'random','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = identity(a) + sep_conv[7x7](before)
  c = sep_conv[7x7](here) + max_pool[3x3](here)
  d = sep_conv[3x3](c) + sep_conv[7x7](before)
  e = max_pool[3x3](c) + identity(a)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[3x3](before) + sep_conv[7x7](here)
  b = sep_conv[3x3](here) + sep_conv[7x7](here)
  c = sep_conv[7x7](before) + identity(here)
  d = sep_conv[5x5](here) + max_pool[3x3](a)
  e = avg_pool[3x3](before) + sep_conv[7x7](here)
  return concat(unused)
}
','c875bf0d55c401b76f683b30f230f0d7',4.04728789986091797015e-01,33542,395616,2.22826973650007857945e+01,'done','','[]',0,'[[1, 3.5691667036576704, 0.3252840909090909, 1.9998864185826668, 0.4047287899860918]]',3,1,NULL,'','',1,852156864.0,2.82831896500283619388e+00,'','{}',39);
INSERT INTO "individuals" VALUES(5,NULL,'random','cell normal(here: project, before: match) fit shape {
  a = sep_conv[7x7](here) + sep_conv[7x7](here)
  b = sep_conv[5x5](before) + sep_conv[5x5](before)
  c = max_pool[3x3](before) + sep_conv[3x3](b)
  d = conv_1x7_7x1(here) + conv_1x7_7x1(a)
  e = sep_conv[7x7](b) + identity(here)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = dil_conv[3x3](before) + avg_pool[3x3](here)
  c = sep_conv[3x3](b) + identity(before)
  d = dil_conv[3x3](before) + sep_conv[5x5](before)
  e = identity(d) + sep_conv[5x5](a)
  return concat(unused)
}
','39f25cfb89968c3793bdf24017594801',2.68428372739916543121e-01,28894,360896,2.14586005739984102551e+01,'done','','[]',0,'[[1, 2.4759164289994673, 0.18039772727272727, 2.0420346319758345, 0.26842837273991654]]',6,2,NULL,'','',1,777369984.0,3.94410579800023697316e+00,'','{}',47);
INSERT INTO "individuals" VALUES(6,4,'rewire','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](here)
  b = identity(a) + sep_conv[7x7](before)
  c = sep_conv[7x7](here) + max_pool[3x3](here)
  d = sep_conv[3x3](c) + sep_conv[7x7](before)
  e = max_pool[3x3](c) + identity(a)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[3x3](before) + sep_conv[7x7](here)
  b = sep_conv[3x3](here) + sep_conv[7x7](here)
  c = sep_conv[7x7](before) + identity(here)
  d = sep_conv[5x5](here) + max_pool[3x3](a)
  e = avg_pool[3x3](before) + sep_conv[7x7](here)
  return concat(unused)
}
','e5c11095c80b2573a43c7ec5d71eac06',3.36578581363004170068e-01,33486,392544,1.48838369900040561337e+01,'done','','[]',0,'[[1, 2.6468401822176846, 0.2571022727272727, 2.0175740503303197, 0.33657858136300417]]',5,3,NULL,'','',1,845539776.0,2.9885413949959911406e+00,'','{}',39);
INSERT INTO "individuals" VALUES(7,2,'op','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = max_pool[3x3](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = max_pool[3x3](c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](here) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','94904a55d529033b74898c06f865cfed',2.93463143254520164582e-01,22356,278160,1.36808329330015112648e+01,'done','','[]',0,'[[1, 3.6044963489879263, 0.23011363636363635, 2.1397958047200976, 0.29346314325452016]]',7,4,NULL,'','',1,599156640.0,2.61635150799702387303e+00,'','{}',35);
INSERT INTO "individuals" VALUES(8,4,'rewire','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = identity(a) + sep_conv[7x7](before)
  c = sep_conv[7x7](here) + max_pool[3x3](here)
  d = sep_conv[3x3](c) + sep_conv[7x7](before)
  e = max_pool[3x3](c) + identity(a)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[3x3](before) + sep_conv[7x7](before)
  b = sep_conv[3x3](here) + sep_conv[7x7](here)
  c = sep_conv[7x7](before) + identity(here)
  d = sep_conv[5x5](here) + max_pool[3x3](a)
  e = avg_pool[3x3](before) + sep_conv[7x7](here)
  return concat(unused)
}
','0632475dbd48fadaa382b6a6e7e752c3',3.10152990264255912222e-01,33542,395616,1.20515996260000974866e+01,'done','','[]',0,'[[1, 3.312163613059304, 0.3380681818181818, 2.5666999657727745, 0.3101529902642559]]',8,5,NULL,'','',1,852156864.0,2.44833011199807515367e+00,'','{}',39);
INSERT INTO "individuals" VALUES(9,4,'rewire','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = identity(a) + sep_conv[7x7](a)
  c = sep_conv[7x7](here) + max_pool[3x3](here)
  d = sep_conv[3x3](c) + sep_conv[7x7](before)
  e = max_pool[3x3](c) + identity(a)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[3x3](before) + sep_conv[7x7](here)
  b = sep_conv[3x3](here) + sep_conv[7x7](here)
  c = sep_conv[7x7](before) + identity(here)
  d = sep_conv[5x5](here) + max_pool[3x3](a)
  e = avg_pool[3x3](before) + sep_conv[7x7](here)
  return concat(unused)
}
','220f38041bcb926c0946ead6b05d8c39',3.72739916550764938119e-01,33118,368480,1.16708431829974870199e+01,'done','','[]',0,'[[1, 3.5850868225097656, 0.2372159090909091, 2.3144278280924024, 0.37273991655076494]]',9,6,NULL,'','',1,793705920.0,2.37583984299999428912e+00,'','{}',39);
INSERT INTO "individuals" VALUES(10,6,'rewire','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](here)
  b = identity(a) + sep_conv[7x7](before)
  c = sep_conv[7x7](here) + max_pool[3x3](here)
  d = sep_conv[3x3](c) + sep_conv[7x7](before)
  e = max_pool[3x3](c) + identity(a)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[3x3](before) + sep_conv[7x7](here)
  b = sep_conv[3x3](here) + sep_conv[7x7](here)
  c = sep_conv[7x7](before) + identity(here)
  d = sep_conv[5x5](a) + max_pool[3x3](a)
  e = avg_pool[3x3](before) + sep_conv[7x7](here)
  return concat(unused)
}
','8be138cb5706c6902e344c71445f0cf9',2.3226703755215577507e-01,33486,392544,1.33713269329964532514e+01,'done','','[]',0,'[[1, 2.742147445678711, 0.2883522727272727, 1.907617391233484, 0.23226703755215578]]',10,7,NULL,'','',1,845539776.0,2.32005036900227423757e+00,'','{}',47);
INSERT INTO "individuals" VALUES(11,8,'rewire','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = identity(a) + sep_conv[7x7](before)
  c = sep_conv[7x7](here) + max_pool[3x3](here)
  d = sep_conv[3x3](c) + sep_conv[7x7](before)
  e = max_pool[3x3](c) + identity(a)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[3x3](before) + sep_conv[7x7](before)
  b = sep_conv[3x3](here) + sep_conv[7x7](here)
  c = sep_conv[7x7](before) + identity(here)
  d = sep_conv[5x5](here) + max_pool[3x3](a)
  e = avg_pool[3x3](before) + sep_conv[7x7](c)
  return concat(unused)
}
','bd9ad9f78d86185e6dd2f1b38dbc2129',3.9499304589707928681e-01,33094,391520,1.12789753649994963782e+01,'done','','[]',0,'[[1, 3.3026199340820312, 0.328125, 1.9909769835492004, 0.3949930458970793]]',11,8,NULL,'','',1,843334080.0,2.33577202699962072074e+00,'','{}',41);
INSERT INTO "individuals" VALUES(12,6,'op','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](here)
  b = identity(a) + sep_conv[7x7](before)
  c = sep_conv[7x7](here) + max_pool[3x3](here)
  d = sep_conv[3x3](c) + sep_conv[7x7](before)
  e = max_pool[3x3](c) + identity(a)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = avg_pool[3x3](before) + sep_conv[7x7](here)
  b = sep_conv[3x3](here) + sep_conv[7x7](here)
  c = sep_conv[7x7](before) + identity(here)
  d = sep_conv[5x5](here) + max_pool[3x3](a)
  e = avg_pool[3x3](before) + sep_conv[7x7](here)
  return concat(unused)
}
','db19471513ae97fb3704b7c9a647428d',3.33796940194714897298e-01,32318,384992,7.25987435799470404163e+00,'done','','[]',0,'[[1, 2.966582558371804, 0.2571022727272727, 2.2359926438630042, 0.3337969401947149]]',12,9,NULL,'','',1,829272768.0,7.28437916994153056293e-01,'','{}',39);
CREATE TABLE meta (key text primary key, value text not null);
INSERT INTO "meta" VALUES('identity.search.algorithm','regularized_evolution');
INSERT INTO "meta" VALUES('identity.search.seed','0');
INSERT INTO "meta" VALUES('identity.search.order','finished');
INSERT INTO "meta" VALUES('identity.search.reuse','False');
INSERT INTO "meta" VALUES('identity.search.fitness','training');
INSERT INTO "meta" VALUES('identity.search.inherit_weights','False');
INSERT INTO "meta" VALUES('identity.search.sample_mutations','10');
INSERT INTO "meta" VALUES('identity.regularized_evolution.population_size','5');
INSERT INTO "meta" VALUES('identity.regularized_evolution.sample_size','3');
INSERT INTO "meta" VALUES('identity.dataset.source','digits');
INSERT INTO "meta" VALUES('identity.dataset.validation','0.5');
INSERT INTO "meta" VALUES('identity.dataset.test','0.2');
INSERT INTO "meta" VALUES('identity.dataset.seed','0');
INSERT INTO "meta" VALUES('identity.dataset.image_size','None');
INSERT INTO "meta" VALUES('identity.dataset.stream','False');
INSERT INTO "meta" VALUES('identity.dataset.crop','1.0');
INSERT INTO "meta" VALUES('identity.dataset.unreadable','error');
INSERT INTO "meta" VALUES('identity.dataset.channels','None');
INSERT INTO "meta" VALUES('identity.training.epochs','1');
INSERT INTO "meta" VALUES('identity.training.batch_size','64');
INSERT INTO "meta" VALUES('identity.training.learning_rate','0.1');
INSERT INTO "meta" VALUES('identity.training.optimizer','sgd');
INSERT INTO "meta" VALUES('identity.training.schedule','cosine');
INSERT INTO "meta" VALUES('identity.training.warmup_epochs','0.0');
INSERT INTO "meta" VALUES('identity.training.momentum','0.9');
INSERT INTO "meta" VALUES('identity.training.nesterov','False');
INSERT INTO "meta" VALUES('identity.training.rmsprop_decay','0.9');
INSERT INTO "meta" VALUES('identity.training.rmsprop_epsilon','0.1');
INSERT INTO "meta" VALUES('identity.training.rmsprop_start','0.0');
INSERT INTO "meta" VALUES('identity.training.decay_rate','0.97');
INSERT INTO "meta" VALUES('identity.training.decay_epochs','2.0');
INSERT INTO "meta" VALUES('identity.training.clip_norm','0.0');
INSERT INTO "meta" VALUES('identity.training.ema_decay','0.0');
INSERT INTO "meta" VALUES('identity.training.l2','0.0005');
INSERT INTO "meta" VALUES('identity.training.drop_path_keep','1.0');
INSERT INTO "meta" VALUES('identity.training.drop_path_schedule','step');
INSERT INTO "meta" VALUES('identity.training.auxiliary_weight','0.0');
INSERT INTO "meta" VALUES('identity.training.label_smoothing','0.1');
INSERT INTO "meta" VALUES('identity.training.augment','()');
INSERT INTO "meta" VALUES('identity.training.crop_padding','4');
INSERT INTO "meta" VALUES('identity.training.cutout_size','16');
INSERT INTO "meta" VALUES('identity.training.colour_strength','0.4');
INSERT INTO "meta" VALUES('identity.training.fresh_statistics','True');
INSERT INTO "meta" VALUES('identity.training.validate','end');
INSERT INTO "meta" VALUES('identity.training.optimize_graph','False');
INSERT INTO "meta" VALUES('identity.training.precision','float32');
INSERT INTO "meta" VALUES('identity.training.sync_batch_norm','None');
INSERT INTO "meta" VALUES('identity.training.strategy','default');
INSERT INTO "meta" VALUES('identity.training.tpu','');
INSERT INTO "meta" VALUES('identity.the space','param N = 1
param F = 4
param after = N

op project = relu | conv[1x1] | batch_norm
op squeeze = relu | conv[1x1, filters=filters // 4] | batch_norm
op widen = conv[1x1] | batch_norm if channels != filters
  else skip
op match = relu | factorized_conv[stride=stride] | batch_norm if stride > 1
  else project if channels != filters
  else skip
op shape = factorized_conv[stride=stride] | batch_norm if stride > 1
  else conv[1x1] | batch_norm if channels != filters
  else skip
op identity = relu | conv[1x1, stride=stride] | batch_norm if stride > 1 or channels != filters
  else skip
op avg_pool[kernel, padding=same] = avg_pool[kernel, stride=stride, padding=padding] | widen
op max_pool[kernel, padding=same] = max_pool[kernel, stride=stride, padding=padding] | widen
op sep_conv[kernel] = relu | depthwise[kernel, stride=stride] | conv[1x1] | batch_norm | relu | depthwise[kernel] | conv[1x1] | batch_norm
op dil_conv[kernel, dilation=2] = squeeze | relu | depthwise[kernel, stride=stride, dilation=dilation] | conv[1x1, filters=filters // 4] | batch_norm | project
op relu_conv[kernel] = relu | conv[kernel, stride=stride] | batch_norm if kernel == 1x1
  else squeeze | relu | conv[kernel, stride=stride, filters=filters // 4] | batch_norm | project
op conv_1x7_7x1 = squeeze | relu | conv[1x7, stride_x=stride, filters=filters // 4] | batch_norm | relu | conv[7x1, stride_y=stride, filters=filters // 4] | batch_norm | project

values ops = { identity, sep_conv[3x3], sep_conv[5x5], sep_conv[7x7], avg_pool[3x3], max_pool[3x3], dil_conv[3x3], conv_1x7_7x1 }

cell normal(here: project, before: match) fit shape {
  a = identity(here) + identity(before)
  b = identity(here) + identity(before)
  c = identity(here) + identity(before)
  d = identity(here) + identity(before)
  e = identity(here) + identity(before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = identity(here) + identity(before)
  b = identity(here) + identity(before)
  c = identity(here) + identity(before)
  d = identity(here) + identity(before)
  e = identity(here) + identity(before)
  return concat(unused)
}

network {
  stem: conv[3x3, filters=3 * F] | batch_norm
  body: normal[F] * N, reduction[2 * F], normal[2 * F] * after as middle, reduction[4 * F], normal[4 * F] * after
  auxiliary(middle): relu | avg_pool[5x5, stride=3, padding=valid] | conv[1x1, filters=128] | batch_norm | relu | conv[full, filters=768] | batch_norm | relu | dense[classes]
  head: relu | global_avg_pool | dropout | dense[classes]
}

mutation op weight 0.475 {
  choose c in cells, n in c.nodes, t in n.terms
  t.op = any(ops)
}
mutation rewire weight 0.475 {
  choose c in cells, n in c.nodes, t in n.terms
  t.input = any(other n.earlier)
}
mutation nothing weight 0.05 { }
');
INSERT INTO "meta" VALUES('setting.search.individuals','12');
INSERT INTO "meta" VALUES('setting.search.timeout','None');
INSERT INTO "meta" VALUES('setting.search.retries','1');
INSERT INTO "meta" VALUES('setting.search.budget','None');
INSERT INTO "meta" VALUES('setting.search.budget_flops','None');
INSERT INTO "meta" VALUES('setting.search.target','None');
INSERT INTO "meta" VALUES('setting.search.keep_best','1');
INSERT INTO "meta" VALUES('setting.search.storage','');
INSERT INTO "meta" VALUES('setting.search.executor','processes');
INSERT INTO "meta" VALUES('setting.processes.workers','None');
INSERT INTO "meta" VALUES('setting.processes.worker_tasks','200');
INSERT INTO "meta" VALUES('setting.processes.gpus_per_worker','None');
INSERT INTO "meta" VALUES('note.version','0.7.0');
INSERT INTO "meta" VALUES('note.begun in','/home/user');
INSERT INTO "meta" VALUES('note.data','{"description": "digits: 718 train, 719 validation, 360 test images of 8x8x1, 10 classes", "input_shape": [8, 8, 1], "classes": 10, "class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "mean": [4.887491295264624], "std": [6.009550072169322], "crop": 1.0, "images": 718, "counts": {"train": [71, 72, 71, 73, 72, 73, 72, 72, 70, 72], "validation": [71, 73, 71, 73, 73, 73, 73, 71, 69, 72], "test": [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]}, "digest": "0550a048365bf0e22367e8d4f78ca5a2758a1b73a2f33af9ad934608d9f5b57f", "remarks": [], "is_bytes": false, "bytes": 460032, "is_kept": true, "preparation": {"size": [8, 8], "crop": 1.0}}');
INSERT INTO "meta" VALUES('note.kept in','/home/user/runs/killed');
INSERT INTO "meta" VALUES('note.source','digits');
INSERT INTO "meta" VALUES('note.seconds','129.9000226240023');
INSERT INTO "meta" VALUES('note.ended','all 12 individuals are finished');
CREATE INDEX twins on individuals (fingerprint, genes);
COMMIT;
