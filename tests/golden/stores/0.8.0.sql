PRAGMA user_version=9;
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
  depth integer,
  mate integer,
  from_mate text not null default '[]',
  noise text,
  compared text not null default '[]',
  weight_differences text not null default '[]'
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
','c993384fbde65e4f7b62b51c7a8ef930',2.55910987482614760146e-01,21006,211472,9.39679885700024897232e+00,'done','','[]',0,'[[1, 2.57651086287065, 0.17329545454545456, 2.148592846781554, 0.25591098748261476]]',1,0,NULL,'','',1,455510688.0,1.37422863599931588396e+00,'','{}',43,NULL,'[]',NULL,'[]','[]');
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
','3bceb592b678c52f70205d348718cc71',3.74130737134909574503e-01,22916,282384,8.71614730200235499069e+00,'done','','[]',0,'[[1, 2.43729643388228, 0.2755681818181818, 2.12975513951669, 0.3741307371349096]]',2,1,NULL,'','',1,608255136.0,1.22756403800303814932e+00,'','{}',39,NULL,'[]',NULL,'[]','[]');
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
','1a3c5fadec8f5b6e47aaf6e43e21f468',2.01668984700973580315e-01,23302,286736,5.57804278600087855011e+00,'done','','[]',0,'[[1, 2.487529928034002, 0.1590909090909091, 2.269929548961231, 0.20166898470097358]]',3,2,NULL,'','',1,617629344.0,1.05970060099934926256e+00,'','{}',63,NULL,'[]',NULL,'[]','[]');
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
','64d4204d333f3aa73e68e74d61d3cda9',4.04728789986091797015e-01,33542,395616,7.12898769200546666979e+00,'done','','[]',0,'[[1, 3.5691667036576704, 0.3252840909090909, 1.9998864185826668, 0.4047287899860918]]',4,3,NULL,'','',1,852156864.0,1.04370849899714812636e+00,'','{}',39,NULL,'[]',NULL,'[]','[]');
INSERT INTO "individuals" VALUES(5,2,'op','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = sep_conv[5x5](before) + sep_conv[5x5](here)
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
','1322152b45c76c4f35fa74c531b86d4d',6.03616133518776076805e-01,25276,322704,7.88393143199937185272e+00,'done','','[]',0,'[[1, 1.785896821455522, 0.4758522727272727, 1.202662100546549, 0.6036161335187761]]',5,4,9.05882352941176471894e-01,'','',1,695104416.0,1.19846982399758417159e+00,'','{}',39,NULL,'[]',NULL,'[]','[]');
INSERT INTO "individuals" VALUES(6,5,'rewire','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = sep_conv[5x5](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','eeafd906aaeb9c81535bccb961363aed',7.27399165507649492212e-01,25276,322704,8.08550932399521116167e+00,'done','','[]',0,'[[1, 1.2933723276311702, 0.6647727272727273, 0.9261349822616046, 0.7273991655076495]]',6,5,1.0,'','',1,695104416.0,1.45215166799607686698e+00,'','{}',39,NULL,'[]',NULL,'[]','[]');
INSERT INTO "individuals" VALUES(7,6,'op','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = sep_conv[5x5](before) + sep_conv[7x7](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','806312aabc6f6c42a43b13cc449fd4cc',7.06536856745479835417e-01,26620,344208,5.44993652700213715434e+00,'done','','[]',0,'[[1, 1.2145328521728516, 0.6903409090909091, 0.883619793930372, 0.7065368567454798]]',7,6,9.02708835626152339415e-01,'','',1,741424032.0,1.18459028299548663198e+00,'','{}',39,NULL,'[]',NULL,'[]','[]');
INSERT INTO "individuals" VALUES(8,6,'rewire','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = sep_conv[5x5](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](b) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','23e614e27b4ef2bc21ade7562c7b4c11',7.49652294853963785392e-01,25276,321168,5.67309717800526414066e+00,'done','','[]',0,'[[1, 1.0621545098044656, 0.8025568181818182, 0.797190192677547, 0.7496522948539638]]',8,7,1.0,'','',1,691795872.0,7.91561744998034555464e-01,'','{}',39,NULL,'[]',NULL,'[]','[]');
CREATE TABLE meta (key text primary key, value text not null);
INSERT INTO "meta" VALUES('note.fingerprints','2');
INSERT INTO "meta" VALUES('identity.search.algorithm','regularized_evolution');
INSERT INTO "meta" VALUES('identity.search.seed','0');
INSERT INTO "meta" VALUES('identity.search.order','finished');
INSERT INTO "meta" VALUES('identity.search.reuse','False');
INSERT INTO "meta" VALUES('identity.search.fitness','training');
INSERT INTO "meta" VALUES('identity.search.inherit_weights','True');
INSERT INTO "meta" VALUES('identity.search.sample_mutations','10');
INSERT INTO "meta" VALUES('identity.regularized_evolution.population_size','4');
INSERT INTO "meta" VALUES('identity.regularized_evolution.sample_size','2');
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
INSERT INTO "meta" VALUES('setting.search.individuals','8');
INSERT INTO "meta" VALUES('setting.search.timeout','None');
INSERT INTO "meta" VALUES('setting.search.retries','1');
INSERT INTO "meta" VALUES('setting.search.budget','None');
INSERT INTO "meta" VALUES('setting.search.budget_flops','None');
INSERT INTO "meta" VALUES('setting.search.target','None');
INSERT INTO "meta" VALUES('setting.search.keep_best','1');
INSERT INTO "meta" VALUES('setting.search.storage','');
INSERT INTO "meta" VALUES('setting.search.executor','processes');
INSERT INTO "meta" VALUES('setting.processes.workers','1');
INSERT INTO "meta" VALUES('setting.processes.worker_tasks','200');
INSERT INTO "meta" VALUES('setting.processes.gpus_per_worker','None');
INSERT INTO "meta" VALUES('note.version','0.8.0');
INSERT INTO "meta" VALUES('note.begun in','/home/user');
INSERT INTO "meta" VALUES('note.data','{"description": "digits: 718 train, 719 validation, 360 test images of 8x8x1, 10 classes", "input_shape": [8, 8, 1], "classes": 10, "class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "mean": [4.887491295264624], "std": [6.009550072169322], "crop": 1.0, "images": 718, "counts": {"train": [71, 72, 71, 73, 72, 73, 72, 72, 70, 72], "validation": [71, 73, 71, 73, 73, 73, 73, 71, 69, 72], "test": [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]}, "digest": "0550a048365bf0e22367e8d4f78ca5a2758a1b73a2f33af9ad934608d9f5b57f", "remarks": [], "is_bytes": false, "bytes": 460032, "is_kept": true, "preparation": {"size": [8, 8], "crop": 1.0}}');
INSERT INTO "meta" VALUES('note.kept in','/home/user/runs/golden');
INSERT INTO "meta" VALUES('note.source','digits');
INSERT INTO "meta" VALUES('note.seconds','66.61480999500054');
INSERT INTO "meta" VALUES('note.ended','all 8 individuals are finished');
INSERT INTO "meta" VALUES('note.test of 8','{"accuracy": 0.8, "confusion": [[29, 1, 2, 0, 1, 0, 2, 1, 0, 0], [0, 30, 0, 0, 2, 0, 3, 1, 0, 1], [0, 7, 17, 3, 0, 1, 5, 0, 2, 0], [0, 2, 0, 32, 0, 0, 0, 0, 3, 0], [0, 0, 0, 0, 36, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 33, 0, 0, 0, 0], [0, 0, 0, 0, 2, 0, 34, 0, 0, 0], [0, 1, 0, 0, 0, 1, 0, 34, 0, 0], [0, 9, 0, 0, 2, 1, 2, 1, 19, 1], [0, 3, 0, 2, 1, 0, 0, 5, 1, 24]], "class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}');
CREATE INDEX twins on individuals (fingerprint, genes);
COMMIT;
